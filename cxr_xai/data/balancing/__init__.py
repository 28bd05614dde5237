"""What is done about rare findings: weights for the loss, or draws for the loader."""
