"""The database of the audit log: reading, snapshots and verifications."""
