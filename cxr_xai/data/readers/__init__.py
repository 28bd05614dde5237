"""One file per source; each reads its published layout into the same index."""
