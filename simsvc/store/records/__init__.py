"""The database of records: estimates, photos and models."""
