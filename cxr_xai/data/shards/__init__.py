"""Decoded films in tar shards that are read from front to back: for data that outgrow a disk."""
