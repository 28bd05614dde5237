"""What is done about rare findings: weights for the loss, draws for the loader, or synthetic studies."""
