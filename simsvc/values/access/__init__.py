"""Values of accounts, tokens and requests."""
