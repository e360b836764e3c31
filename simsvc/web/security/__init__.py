"""Who is asking, and what browsers are told: access, sessions, CSRF, headers, scopes."""
