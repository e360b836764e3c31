"""Free packages for age estimation, run as documented, on our evaluation photos."""
