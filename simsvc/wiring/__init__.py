"""Construct services from the settings."""
