"""The session signing key, created once and stored in a file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from simsvc.errors import SettingsError

KEY_BYTES = 32
"""256 random bits. Source: OWASP Session Management Cheat Sheet asks for 64 at least."""


def kept_secret_key(path: Path) -> str:
    """Return the key in the file, created with mode 0600 if missing, also with concurrent workers.

    Raises SettingsError if the file cannot be read or written.
    """
    try:
        if not path.exists():
            _make(path)
        key = path.read_text(encoding="ascii").strip()
    except PermissionError as error:
        raise SettingsError("key_permission", folder=path.parent.name, name=path.name) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("key_unusable") from error
    if len(key) < KEY_BYTES:
        raise SettingsError("key_damaged")
    return key


def _make(path: Path) -> None:
    """Create the key file atomically; the first process wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass  # another worker was first
    finally:
        fresh.unlink()
