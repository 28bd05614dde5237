"""What is wrong, odd or twice in a copy of a source: found once, before anything is trained on it."""
