"""Names of objects."""

from __future__ import annotations

from simsvc.errors import ObjectsRefused

MOST_KEY_BYTES = 900
"""Below the 1,024 of S3, so that a prefix has room. Source: Amazon S3 User Guide, "Naming objects"."""


def checked_key(key: str) -> str:
    """Return the name of an object, or of the start of several.

    Raises:
        ObjectsRefused: it would leave the store's prefix, or is not portable.
    """
    parts = key.split("/")
    plain = key.isprintable() and "\\" not in key and len(key.encode(errors="replace")) <= MOST_KEY_BYTES
    if not plain or any(part in {"", ".", ".."} for part in parts):
        raise ObjectsRefused("key", key=key)
    return key
