"""Decodes photos within limits on time and memory that hold whatever a decoder does.

What is cheap by its construction, such as a camera's JPEG, is decoded in this process. Everything else goes
to a helper process, which Linux ends when a photo takes too much processor time, and which gets no more
memory than is allowed; where it takes too long by the clock, this process ends it. The photo is refused then,
and the next one finds another helper.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

import simsvc
from simsvc.adapters.photos.framed import receive, send
from simsvc.domain.files.decode_cost import is_cheap
from simsvc.domain.photo.decode import decode_picture
from simsvc.errors import DecoderMissing, PhotoTooCostly, error_of, from_json
from simsvc.values import Decoded, DecodeRequest

DEADLINE_S = 20.0
"""Longest that a photo is decoded by the clock: ten times its processor time, for a busy machine."""
START_S = 30.0
"""Longest that a helper may take to start; it takes 0.3 s."""
PHOTOS = 500
"""That a helper decodes before another one takes its place: decoders leave memory in pieces over time."""
ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "1000000",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Of a helper: one heap, which gives back what a photo needed. Source: mallopt(3)."""


class PhotoDecoder:
    """Decodes photos, costly ones in helper processes.

    A helper is started when it is first needed, decodes one photo at a time, and ends with this process. It
    is spawned and not forked, so that it shares neither threads nor memory with this process.
    """

    def __init__(self, helpers: int = 1) -> None:
        """Make a decoder; nothing is started yet.

        Args:
            helpers: how many photos may be decoded by helpers at once, each within the limit on memory.
        """
        self._free: queue.LifoQueue[_Helper | None] = queue.LifoQueue()
        for _ in range(helpers):
            self._free.put(None)

    def __call__(self, data: bytes, request: DecodeRequest) -> Decoded:
        """Return the photo's pixels.

        Raises:
            PhotoError: it cannot be decoded, or not within the limits.
        """
        if is_cheap(data):
            return decode_picture(data, request)
        with self._helper() as helper:
            return helper.decode(data, request)

    @property
    def helpers(self) -> tuple[_Helper, ...]:
        """The helpers that live and decode nothing just now."""
        with self._free.mutex:
            waiting = tuple(self._free.queue)
        return tuple(helper for helper in waiting if helper is not None and helper.fit)

    def close(self) -> None:
        """End the helpers; the next photo that needs one starts another."""
        for helper in self.helpers:
            helper.end()

    @contextmanager
    def _helper(self) -> Iterator[_Helper]:
        """Give a helper that nobody else uses, as soon as there is one: within `DEADLINE_S` a photo ahead."""
        helper = self._free.get()
        try:
            if helper is None or not helper.fit:
                if helper is not None:
                    helper.end()
                helper = _Helper()
            yield helper
        finally:
            self._free.put(helper)


class _Helper:
    """One helper process."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            DecoderMissing: it cannot be started.
        """
        mine, other = socket.socketpair()
        with other:
            command = [
                sys.executable,
                "-P",
                "-m",
                "simsvc.adapters.photos.decode_helper",
                str(other.fileno()),
            ]
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and a module of ours
                    command,
                    env={**os.environ, **ENVIRONMENT, "PYTHONPATH": _path()},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(other.fileno(),),
                )
            except OSError:
                mine.close()
                raise DecoderMissing() from None
        self._connection = mine
        self._left = PHOTOS
        self._owner = os.getpid()
        self._finalizer = weakref.finalize(self, _end, self._process, mine, self._owner)
        if not _ready(mine):
            self.end()
            raise DecoderMissing()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def fit(self) -> bool:
        """Whether it can be asked: it lives, is this process's own, and has not decoded too many photos."""
        return os.getpid() == self._owner and self._left > 0 and self._process.poll() is None

    def decode(self, data: bytes, request: DecodeRequest) -> Decoded:
        """Have a photo decoded. Where that takes too much of anything, the process ends.

        Raises:
            PhotoError: it cannot be decoded, or not within the limits.
        """
        until = time.monotonic() + DEADLINE_S
        self._left -= 1
        try:
            send(self._connection, json.dumps(_asked(request)).encode(), data, until)
            answer = receive(self._connection, until)
        except OSError:  # it does not answer in time, or has ended
            answer = None
        if answer is None:
            self.end()
            raise PhotoTooCostly("limits")
        said = json.loads(answer[0])
        if said["spent"] or not self._left:
            self.end()
        return _decoded(said, answer[1])

    def end(self) -> None:
        """End the process, whatever it is at."""
        self._left = 0
        self._finalizer()


def _end(process: subprocess.Popen[bytes], connection: socket.socket, owner: int) -> None:
    connection.close()
    if os.getpid() == owner:  # in a fork of this process, the helper is not ours to end
        process.kill()
        process.wait()


def _ready(connection: socket.socket) -> bool:
    """Wait for the first word of a helper."""
    try:
        return receive(connection, time.monotonic() + START_S) is not None
    except OSError:
        return False


def _path() -> str:
    """Return where the helper finds this very package."""
    given = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(Path(simsvc.__file__).parents[1]), *([given] if given else [])])


def _asked(request: DecodeRequest) -> dict[str, int | None]:
    return {"reading": request.reading, "first_px": request.first_px, "part": request.part}


def _decoded(said: dict[str, Any], pixels: bytes) -> Decoded:
    if "refusal" in said:
        raise error_of(from_json(said["refusal"]))
    picture = Image.frombytes("RGB", tuple(said["size_px"]), pixels)
    width_px, height_px = said["original_px"]
    return Decoded(picture, said["part"], width_px, height_px, said["format"])
