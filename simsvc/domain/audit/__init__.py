"""What the log is made of: events' content, the chain of hashes, checkpoints."""
