"""From a run to a bundle: graph, projection, int8."""
