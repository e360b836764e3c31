"""The demo gallery: composite faces, none of which is a real person."""
