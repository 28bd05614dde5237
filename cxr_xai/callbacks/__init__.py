"""What happens around training: maps computed once, then scored, drawn and logged by small consumers."""
