"""What a run leaves, and how it is read back: the only interface between runs and their readers."""
