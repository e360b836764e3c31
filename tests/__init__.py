import trainer  # noqa: F401 - before anything that a test imports: reports are off, caches lie under work/
