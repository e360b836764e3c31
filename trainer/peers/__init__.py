"""Free packages that estimate ages, run as their documentation shows on the photos that our bundle is judged on."""
