"""Construction of what keeps, proves and streams the audit log."""
