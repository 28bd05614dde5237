"""What would stop a run, looked for before it starts: a file per check, a line per answer."""
