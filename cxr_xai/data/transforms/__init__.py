"""Training randomness: drawn first, per image; then applied to the whole batch on its device."""
