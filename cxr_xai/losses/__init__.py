"""One loss per file: a pure function, then the module that holds its settings."""
