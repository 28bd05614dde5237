"""Learning rates over optimizer steps; torch's own members of the group go by epochs."""
