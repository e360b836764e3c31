"""Lance beside Annoy, exact search and pgvector, up to 10^7 vectors."""
