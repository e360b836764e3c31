"""The Merkle tree over the events, and its checkpoints in C2SP's formats."""
