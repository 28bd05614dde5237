"""Who trains, who validates, who tests: by patient, always."""
