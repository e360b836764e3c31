"""What is known about a model: its card, and drift."""
