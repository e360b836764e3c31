"""Labelled photos: a reader per published data set, one merge with splits and audit, and the downloads."""
