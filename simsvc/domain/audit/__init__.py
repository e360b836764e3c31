"""The audit log: event content, hash chain, checkpoints."""
