"""Plots, scales and documents that pages show."""
