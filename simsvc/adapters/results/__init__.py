"""Tables of results and their journals."""
