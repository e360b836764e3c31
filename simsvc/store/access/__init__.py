"""The database of accounts: users, identities, sessions, tokens and second factors."""
