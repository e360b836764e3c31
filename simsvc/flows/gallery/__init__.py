"""Reference faces: imports, builds, live changes and recall."""
