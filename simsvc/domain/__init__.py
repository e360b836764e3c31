"""Pure functions on numpy arrays and Pillow images: no I/O, no clock, no settings."""
