"""The audit log: its start and its verification."""
