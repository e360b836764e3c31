"""Requests and responses: bodies, forms, errors."""
