"""Free packages that estimate ages, run as their documentation shows, on the photos that we are judged on."""
