"""Does a map name what the model used? Judged against the model alone, by taking evidence away."""
