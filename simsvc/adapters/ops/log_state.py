"""What is remembered of the log outside the database, in a file beside its key."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from simsvc.adapters.ops.atomic_files import replace_text
from simsvc.errors import LogKeyRefused
from simsvc.values.audit.log import KeptState, LogKey

FORMAT = 1
NAME, LOCK_NAME = "log-state.json", "log-state.lock"
PATIENCE_S = 30.0
"""How long a command waits for another process that signs; that takes milliseconds, unless the disk hangs."""
RETRY_S = 0.05
_OWN = ("format", "origin", "keys", "checkpoint")


class LogStateFile:
    """The file, and the lock that whoever signs or changes the file holds."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    @property
    def name(self) -> str:
        """The file, as messages name it."""
        return str(self.path)

    def read(self) -> KeptState | None:
        """Return what is remembered, or None if nothing is yet.

        Raises:
            LogKeyRefused: the file cannot be read, or is damaged.
        """
        try:
            return _parsed(json.loads(self.path.read_text()))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogKeyRefused("unreadable", file=self.name, problem=str(error.strerror)) from error
        except (ValueError, TypeError, KeyError, AttributeError, IndexError):
            raise LogKeyRefused("state", file=self.name) from None

    def write(self, state: KeptState) -> None:
        """Replace the file; call it while holding the lock. Raises LogKeyRefused if it cannot be written."""
        said = {
            "format": FORMAT,
            "origin": state.origin,
            "keys": [asdict(key) for key in state.keys],
            "checkpoint": state.note,
            **state.more,
        }
        try:
            replace_text(self.path, json.dumps(said, indent=1, ensure_ascii=False) + "\n")
        except OSError as error:
            raise LogKeyRefused("unreadable", file=self.name, problem=str(error.strerror)) from error

    @contextmanager
    def lock(self, patience_s: float = PATIENCE_S) -> Iterator[None]:
        """Hold the lock, which dies with the process.

        Raises:
            LogKeyRefused: another process holds it longer than `patience_s`, or the folder is not writable.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.with_name(LOCK_NAME).open("a")
        except OSError as error:
            raise LogKeyRefused("unreadable", file=self.name, problem=str(error.strerror)) from error
        with file:
            until = time.monotonic() + patience_s
            while not _taken(file):
                if time.monotonic() >= until:
                    raise LogKeyRefused("busy")
                time.sleep(RETRY_S)
            yield


def _taken(file: Any) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _parsed(raw: Any) -> KeptState:
    if raw["format"] != FORMAT:
        raise ValueError("another format")
    keys = tuple(LogKey(str(key["vkey"]), int(key["since_size"]), key["until_size"]) for key in raw["keys"])
    more = {name: value for name, value in raw.items() if name not in _OWN}
    if not all(key.key_id for key in keys):
        raise ValueError("a key without an id")
    return KeptState(str(raw["origin"]), keys, str(raw["checkpoint"]), more)
