"""Who may use the service: passwords, tokens, sign-in delays and quotas."""
