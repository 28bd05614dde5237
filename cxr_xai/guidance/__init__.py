"""Where evidence should lie, as a term of the loss: one per file, a pure function, then what holds its settings."""
