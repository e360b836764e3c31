"""The database of index builds: their faces, and what hosts agree on about them."""
