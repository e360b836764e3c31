"""What a file is before it is decoded: signatures, headers, names, tables."""
