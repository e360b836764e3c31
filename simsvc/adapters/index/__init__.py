"""Index builds on disk: forests, reference faces, build in service."""
