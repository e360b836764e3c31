"""Tables of results, and what is in flight while they are written."""
