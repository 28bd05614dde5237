"""Many runs from one command: which cells, at how many steps, in what state, and how they run."""
