"""Networks: backbones, heads, ensembles, and published weights."""
