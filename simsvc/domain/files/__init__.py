"""Inspecting files before decoding: signatures, headers, names, tables."""
