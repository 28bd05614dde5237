"""From a probability to a prediction: one threshold a finding, chosen on val."""
