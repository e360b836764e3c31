"""This host among those that share its database."""
