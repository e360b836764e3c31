"""The public address of the service, from settings or a file of the running server."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

NAME = "address"
"""The file, in the batch folder."""
ANYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}  # noqa: S104 - these are replaced
"""Replacements for wildcard hosts."""
DEFAULT_PORT = 8000


def local_url(bind: str, script_name: str = "") -> str:
    """Return the local address for a bind setting."""
    if bind.startswith("unix:"):
        return f"http://localhost{script_name}"
    host, _, port = bind.removeprefix("tcp://").rpartition(":")
    if not port.isdigit():
        host, port = bind, str(DEFAULT_PORT)
    return url_of(host.strip("[]"), int(port), script_name)


def url_of(host: str, port: int, script_name: str = "") -> str:
    """Return the local address of a listening server."""
    host = ANYWHERE.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{script_name}"


def address_for_links(public_url: str, script_name: str, bind: str, folder: Path) -> str:
    """Return the base of links: from settings, else the running server, else the bind setting."""
    if public_url:
        return public_base(public_url, script_name)
    return found_address(folder) or local_url(bind, script_name)


def public_base(public_url: str, script_name: str) -> str:
    """Return the base of links from settings, with the path prefix if missing."""
    base = public_url.rstrip("/")
    return base if urlsplit(base).path else base + script_name


def leave_address(folder: Path, url: str) -> None:
    """Store the address of this process; raises OSError if the folder cannot be written to."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = folder / f".{NAME}.{secrets.token_hex(8)}"
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"url": url, "process": os.getpid()}, file)
        fresh.replace(folder / NAME)
    finally:
        fresh.unlink(missing_ok=True)


def forget_address(folder: Path) -> None:
    """Remove the file of this process, but not of a newer one."""
    if _left(folder)[1] == os.getpid():
        (folder / NAME).unlink(missing_ok=True)


def found_address(folder: Path) -> str | None:
    """Return the address of the running service, or None."""
    url, process = _left(folder)
    return url if process and _lives(process) else None


def _left(folder: Path) -> tuple[str, int]:
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return str(said["url"]), int(said["process"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return True  # belongs to another account
    except (OSError, OverflowError):
        return False
    return True
