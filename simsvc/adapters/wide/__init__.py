"""Work on the hosts of a cluster."""
