"""How sure a number is: patients are resampled, not images. No torch here."""
