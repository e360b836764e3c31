"""One peer in a separate process: pictures in, ages out."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from simsvc.errors import SettingsError
from simsvc.values import RgbImage
from trainer.peers.registry import Peer

HERE = Path(__file__).parent
HEADER = struct.Struct("<III")  # width, height and whether the picture is cut to one face; see `frames.mjs`


def command_of(peer: Peer, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command that runs an installed peer, and its environment."""
    program = str(HERE / peer.program)
    if peer.registry == "npm":
        return ["node", program, str(folder)], dict(os.environ)
    return [sys.executable, "-P", program], {**os.environ, "PYTHONPATH": str(folder.resolve())}


class PeerProcess:
    """A running peer; use it in a `with` block."""

    def __init__(self, name: str, command: Sequence[str], environment: dict[str, str]) -> None:
        self._name = name
        self._running = subprocess.Popen(  # noqa: S603 - our own programs
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )

    def __enter__(self) -> Self:
        """Wait until it can answer; SettingsError is raised where it stopped instead."""
        self._line()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.kill()
        self._running.communicate()

    def age(self, rgb: RgbImage, *, is_face: bool) -> float | None:
        """Return the age in years of the largest face that the peer finds, or None where it finds none.

        In a picture that `is_face`, already cut to one, nothing need be found.

        Raises:
            SettingsError: the peer stopped.
        """
        height, width = rgb.shape[:2]
        try:
            stream = _open(self._running.stdin)
            stream.write(HEADER.pack(width, height, int(is_face)) + rgb.tobytes())
            stream.flush()
        except OSError:
            raise self._stopped() from None
        answer = self._line()["age"]
        return None if answer is None else float(answer)

    def _line(self) -> dict[str, float | None]:
        line = _open(self._running.stdout).readline()
        try:
            answer: dict[str, float | None] = json.loads(line)
        except ValueError:
            raise self._stopped() from None
        return answer

    def _stopped(self) -> SettingsError:
        self._running.kill()
        said = self._running.communicate()[1].decode("utf-8", "replace").strip().splitlines()
        return SettingsError(f"The peer {self._name} stopped: {said[-1] if said else 'it said nothing.'}")


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - both are pipes; told to mypy
    return stream
