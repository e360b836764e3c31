"""Commands: each parses arguments, calls, and prints."""
