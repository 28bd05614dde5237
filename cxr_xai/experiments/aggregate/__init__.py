"""From the run folders of a cross-validation to its tables: read, refuse, average within folds, compare."""
