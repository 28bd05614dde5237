"""Arrays in, pictures out; nothing here knows where either comes from."""
