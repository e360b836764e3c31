"""Index builds on disk: forests, reference faces, the build in service."""
