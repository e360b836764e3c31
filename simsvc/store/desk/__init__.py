"""The database of the desk: cases, batches, history and overviews."""
