"""The files of an index build."""
