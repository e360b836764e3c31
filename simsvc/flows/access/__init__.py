"""Accounts: users, identities, second factors and tokens."""
