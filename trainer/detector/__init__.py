"""The face detector: its weights, graph and oracle."""
