"""Films that somebody hands in: what the network says about them, and why."""
