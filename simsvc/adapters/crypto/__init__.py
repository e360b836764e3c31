"""Passwords, keys and ciphers."""
