"""Erasure of records, with all that belongs to them."""
