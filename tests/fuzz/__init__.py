"""schemathesis against the generated document, on the real server."""
