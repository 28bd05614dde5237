"""Reliance on shortcuts: what a network says of a phantom's films, and of the same films without them."""
