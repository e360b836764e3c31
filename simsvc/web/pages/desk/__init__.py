"""Pages of the desk: home, work list, batches, cases and history."""
