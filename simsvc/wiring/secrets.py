"""The secrets of an installation, so that they can be kept out of what is printed."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from simsvc.settings import Settings

ADDRESSES = ("database_url", "rate_storage", "objects", "objects_endpoint")
"""Settings that are shown, but whose passwords are not."""
PASSWORD = "password"  # noqa: S105 - part of the names of parameters, as in libpq's sslpassword


def secrets_of(settings: Settings) -> frozenset[str]:
    """Return every secret in the settings, as it is written there and as it is sent."""
    found: set[str] = set()
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if not field.repr:
            texts = value if isinstance(value, tuple) else (value,)
            found.update(str(text) for text in texts)
        else:
            texts = (value,) if name in ADDRESSES else ()
        for text in texts:
            found.update(_passwords(str(text)))
    return frozenset(found - {""})


def _passwords(address: str) -> Iterator[str]:
    """Yield the passwords in an address, if it is one."""
    user = address.partition("//")[2].rpartition("@")[0]
    written = user.partition(":")[2]
    yield from (written, unquote(written))
    try:
        query = urlsplit(address).query
    except ValueError:  # an address that nothing can be reached at
        return
    yield from (value for name, value in parse_qsl(query) if PASSWORD in name.lower())
