"""From logits to probabilities that mean what they say, fitted on val."""
