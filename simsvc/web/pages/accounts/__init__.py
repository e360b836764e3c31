"""Pages of accounts: signing in, users and tokens."""
