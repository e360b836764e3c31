"""Reference faces: labels, manifests, changes, search and recall."""
