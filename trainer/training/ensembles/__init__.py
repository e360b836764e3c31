"""Ensembles of models."""
