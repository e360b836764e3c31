"""Imports of reference faces: labels, documents and findings."""
