"""Where evidence of a finding may lie in a served film, on the grid of a feature map."""
