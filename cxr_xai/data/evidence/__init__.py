"""Where the evidence for a finding is known to lie."""
