"""A file elsewhere, to which checkpoints are only appended."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from simsvc.adapters.ops.atomic_files import sync
from simsvc.domain.audit.tree.signed_note import parse_note
from simsvc.domain.audit.tree.tlog_checkpoint import parse_head
from simsvc.errors import CheckpointRefused, NoteRefused, WitnessFailed
from simsvc.values.audit.log import SignedCheckpoint
from simsvc.values.audit.witnesses import Cosignature, Prove, Seen

TAIL_BYTES = 65_536
"""Read from the end of the file to find the last line; a line has some 400 bytes."""


class FileWitness:
    """Appends each checkpoint as a line of JSON, for a file on another disk, host or account.

    The file is opened to append only, so that it may be append-only for the account of the service
    (`chattr +a`).
    """

    takes_every = True
    reads = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = f"file:{path}"

    def take(self, checkpoint: SignedCheckpoint, known: int, prove: Prove) -> tuple[Cosignature, ...]:
        """Append a checkpoint, and return when it is on the disk.

        Raises:
            WitnessFailed: the file cannot be written.
        """
        del known, prove
        line = json.dumps({"size": checkpoint.size, "at": checkpoint.at.isoformat(), "note": checkpoint.note})
        try:
            self._append(line.encode() + b"\n")
        except OSError as error:
            raise WitnessFailed("unwritable", witness=self.name, problem=_reason(error)) from None
        return ()

    def last(self, latest: SignedCheckpoint | None, prove: Prove) -> Seen | None:
        """Return the last whole line that is a checkpoint, or None if there is none.

        Raises:
            WitnessFailed: the file cannot be read.
        """
        del latest, prove
        try:
            lines = self._tail()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise WitnessFailed("unreadable", witness=self.name, problem=_reason(error)) from None
        return next((seen for line in reversed(lines) if (seen := _seen(line))), None)

    def _append(self, line: bytes) -> None:
        is_new = not self._path.exists()
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if self._is_torn():
                line = b"\n" + line
            written = os.write(handle, line)
            if written < len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written")
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            sync(self._path.parent)

    def _is_torn(self) -> bool:
        """Return whether the last line was cut, by a full disk for example; False if that cannot be read."""
        with suppress(OSError), self._path.open("rb") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
        return False

    def _tail(self) -> list[bytes]:
        with self._path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - TAIL_BYTES))
            return file.read().split(b"\n")


def _seen(line: bytes) -> Seen | None:
    try:
        told = json.loads(line)
        note = str(told["note"])
        head = parse_head(parse_note(note).text)
        at = datetime.fromisoformat(told["at"])
    except (ValueError, KeyError, TypeError, NoteRefused, CheckpointRefused):
        return None
    return Seen(head.size, head.root, note, at)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
