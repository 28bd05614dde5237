"""What maps reach that never saw a film: scored on every box, from tables alone."""
