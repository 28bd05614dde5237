"""Scores a checkpoint on any data set, with the thresholds and curves of its own val."""
