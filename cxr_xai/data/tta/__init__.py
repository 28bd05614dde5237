"""Test-time augmentation: logits averaged over views of a film."""
