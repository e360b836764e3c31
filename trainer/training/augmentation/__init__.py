"""Augmentation of training photos."""
