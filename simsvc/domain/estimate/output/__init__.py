"""Estimates as JSON and as table rows."""
