"""Model card and drift."""
