"""Explainable chest X-ray classification: train, explain, and score the maps against radiologists' boxes."""

__version__ = "0.1.0"
