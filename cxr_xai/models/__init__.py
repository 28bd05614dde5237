"""Backbones by name, and the head that makes their maps exact."""
