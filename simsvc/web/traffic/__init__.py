"""How many requests, how fast: admission, rate limits, the access log."""
