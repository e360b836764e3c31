"""The address at which people reach the service: as set, or as the running server left it in a file."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

NAME = "address"
"""The file, in the folder of batches: that lies on the service's own machine and is the service's own."""
ANYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}  # noqa: S104 - these are what is replaced
"""Hosts that a server binds to and nobody can open, and what is open on this machine then."""
DEFAULT_PORT = 8000


def local_url(bind: str, script_name: str = "") -> str:
    """Return the address of a server bound so, as a browser on this machine opens it."""
    if bind.startswith("unix:"):
        return f"http://localhost{script_name}"
    host, _, port = bind.removeprefix("tcp://").rpartition(":")
    if not port.isdigit():
        host, port = bind, str(DEFAULT_PORT)
    return url_of(host.strip("[]"), int(port), script_name)


def url_of(host: str, port: int, script_name: str = "") -> str:
    """Return the address of a server that listens there, as a browser on this machine opens it."""
    host = ANYWHERE.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{script_name}"


def address_for_links(public_url: str, script_name: str, bind: str, folder: Path) -> str:
    """Return what links begin with: as set, else as the running server left it, else as it would be bound."""
    if public_url:
        return public_base(public_url, script_name)
    return found_address(folder) or local_url(bind, script_name)


def public_base(public_url: str, script_name: str) -> str:
    """Return what links begin with: the address as set, and the prefix where it names none."""
    base = public_url.rstrip("/")
    return base if urlsplit(base).path else base + script_name


def leave_address(folder: Path, url: str) -> None:
    """Write down where this process serves.

    Raises:
        OSError: the folder cannot be written to.
    """
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
    """Remove what this process left; of another one that serves by now, nothing."""
    if _left(folder)[1] == os.getpid():
        (folder / NAME).unlink(missing_ok=True)


def found_address(folder: Path) -> str | None:
    """Return where the service runs, or None where it does not, or left nothing that can be read."""
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
        return True  # it is another account's
    except (OSError, OverflowError):
        return False
    return True
