"""The database of records: estimates, photos, reference faces, builds and models."""
