"""Reference faces: labels, manifests, changes, search and its recall."""
