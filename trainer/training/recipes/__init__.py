"""Recipes of training runs, their losses and results."""
