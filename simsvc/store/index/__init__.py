"""What hosts that share a database agree on about the index."""
