"""How good predictions and maps are: classification, localization, its ceiling, its prior, and the skill between."""
