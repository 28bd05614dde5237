"""Explainers of one trained network, ranked by what is true: lesion masks and shortcuts of the phantom, or boxes."""
