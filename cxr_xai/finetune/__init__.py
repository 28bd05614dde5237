"""Which groups of layers train in which epoch."""
