"""Statements that are often made of maps, as hypotheses: each with an effect, an interval, and a sentence."""
