"""Values of the audit log's tree, witnesses, views and evidence."""
