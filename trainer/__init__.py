"""Data sets, training, evaluation and export; runs before the service, never inside it."""
