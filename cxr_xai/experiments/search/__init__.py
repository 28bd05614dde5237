"""Looking for settings by values of val: a space, its trials, who runs them and what came out."""
