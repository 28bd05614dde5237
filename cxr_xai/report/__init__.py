"""One self-contained page from one run folder."""
