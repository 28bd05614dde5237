"""Tests of explainers on the network of a run: faithfulness, sanity and repeatability, each beside its controls."""
