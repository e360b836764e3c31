"""What is remembered of witnesses, in the file beside the log's key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from simsvc.adapters.ops.log_state import LogStateFile
from simsvc.errors import LogKeyRefused
from simsvc.values.audit.witnesses import WitnessCheck, WitnessMemory

WITNESSES, CHECK = "witnesses", "witness_check"
"""Names in the file."""


class WitnessMemoryFile:
    """Reads and writes the part of the file that is about witnesses. Every method raises LogKeyRefused."""

    def __init__(self, state: LogStateFile) -> None:
        self._state = state
        self._unsaved: dict[str, WitnessMemory] = {}
        """What this process was to remember while there was no file, because no key may sign."""

    def witnesses(self) -> dict[str, WitnessMemory]:
        """Return what is remembered of each witness, by name."""
        kept = self._state.read()
        try:
            raw = dict(kept.more.get(WITNESSES, {})) if kept else {}
            return {**self._unsaved, **{name: _memory(said) for name, said in raw.items()}}
        except (ValueError, TypeError, AttributeError, binascii.Error):
            raise LogKeyRefused("state", file=self._state.name) from None

    def remember(self, name: str, memory: WitnessMemory) -> None:
        """Replace what is remembered of a witness."""
        saved = self._change(lambda more: {WITNESSES: {**more.get(WITNESSES, {}), name: _said(memory)}})
        if saved:
            self._unsaved.pop(name, None)
        else:
            self._unsaved[name] = memory

    def check(self) -> WitnessCheck | None:
        """Return what the last comparison with the witnesses found."""
        kept = self._state.read()
        try:
            said = kept.more.get(CHECK) if kept else None
            if said is None:
                return None
            return WitnessCheck(datetime.fromisoformat(said["at"]), tuple(map(str, said["problems"])))
        except (ValueError, TypeError, KeyError):
            raise LogKeyRefused("state", file=self._state.name) from None

    def note_check(self, check: WitnessCheck) -> None:
        """Remember what a comparison found."""
        self._change(lambda _: {CHECK: {"at": check.at.isoformat(), "problems": list(check.problems)}})

    def _change(self, change: Any) -> bool:
        """Change the file, and say whether there is one: before the first checkpoint there is not."""
        with self._state.lock():
            kept = self._state.read()
            if kept is None:
                return False
            self._state.write(replace(kept, more={**kept.more, **change(kept.more)}))
            return True


def _said(memory: WitnessMemory) -> dict[str, Any]:
    said: dict[str, Any] = {
        "size": memory.size,
        "root": base64.b64encode(memory.root).decode(),
        "at": memory.at.isoformat() if memory.at else None,
        "error": memory.error,
        "failing_since": memory.failing_since.isoformat() if memory.failing_since else None,
        "lie": memory.lie,
        "acknowledged": memory.acknowledged or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _memory(said: Mapping[str, Any]) -> WitnessMemory:
    return WitnessMemory(
        size=int(said["size"]),
        root=base64.b64decode(said["root"], validate=True),
        at=_time(said.get("at")),
        error=said.get("error"),
        failing_since=_time(said.get("failing_since")),
        lie=said.get("lie"),
        acknowledged=int(said.get("acknowledged", 0)),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
