"""Data sets by the format of their files."""
