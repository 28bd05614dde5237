"""Scores maps that any program made."""
