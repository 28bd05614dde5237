"""Speed, one file per group; each figure stands beside a baseline measured in the same run."""
