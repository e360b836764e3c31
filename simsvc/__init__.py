"""simsvc: an age estimate that shows its evidence."""
