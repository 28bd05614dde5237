"""Does the network see a pneumothorax, or the drain that treats it? Ranking and maps with and without a drain."""
