"""The LightningModule and what it gathers."""
