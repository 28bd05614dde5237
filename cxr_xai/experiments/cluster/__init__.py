"""Cells of a sweep on a cluster: what is asked for, submitted, watched, and what runs there."""
