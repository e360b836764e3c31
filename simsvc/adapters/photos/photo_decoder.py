"""Decode photos within hard limits on time and memory.

Cheap photos, such as a camera's JPEG, are decoded in this process. Others go to a helper process with limits
on processor time and memory, which is also stopped if it takes too long by the clock. The photo is then
refused, and the next one uses a new helper.
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

CPU_S = 8.0
"""Limit on processor time per photo, all threads of the helper.

The costliest ordinary photo is a HEIC of 48 megapixels with fine grain (13 MB, 8064 x 6048 px, tiles of
512 px, quality 60): 2.4 to 2.6 s on one core of a virtual AMD EPYC shared with other work. The limit is three
times that, for processors half as fast and for shared hyperthreads. Noise in JPEG 2000 exceeds it.
"""
DEADLINE_S = 40.0
"""Timeout per photo: five times its processor time, for busy machines. That HEIC took 16 s by the clock with
seven times as much work as cores. With the wait for a turn (20 s) it is 60 s: a proxy has to wait longer."""
START_S = 30.0
"""Timeout for starting a helper, which takes 0.3 s."""
PHOTOS = 500
"""Photos per helper, because decoders fragment memory over time."""
ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "1000000",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Environment of a helper: one heap that returns memory. Source: mallopt(3)."""


class PhotoDecoder:
    """Decodes photos, costly ones in helper processes.

    Helpers start on demand, decode one photo at a time, and end with this process. They are spawned instead
    of forked, so they share neither threads nor memory.
    """

    def __init__(self, helpers: int = 1) -> None:
        """Create a decoder without starting helpers."""
        self._free: queue.LifoQueue[_Helper | None] = queue.LifoQueue()
        for _ in range(helpers):
            self._free.put(None)

    def __call__(self, data: bytes, request: DecodeRequest) -> Decoded:
        """Return the photo's pixels; raises PhotoError if the photo cannot be decoded within the limits."""
        if is_cheap(data):
            return decode_picture(data, request)
        with self._helper() as helper:
            return helper.decode(data, request)

    @property
    def helpers(self) -> tuple[_Helper, ...]:
        """Idle helpers."""
        with self._free.mutex:
            waiting = tuple(self._free.queue)
        return tuple(helper for helper in waiting if helper is not None and helper.fit)

    def close(self) -> None:
        """Stop the helpers; new ones start on demand."""
        for helper in self.helpers:
            helper.end()

    @contextmanager
    def _helper(self) -> Iterator[_Helper]:
        """Yield a free helper, waiting up to `DEADLINE_S` per photo ahead."""
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
    def __init__(self) -> None:
        """Start it; raises DecoderMissing if the process cannot be started."""
        mine, other = socket.socketpair()
        with other:
            module = "simsvc.adapters.photos.decode_helper"
            command = [sys.executable, "-P", "-m", module, str(other.fileno()), str(CPU_S)]
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter and package
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
        return self._process.pid

    @property
    def fit(self) -> bool:
        """Whether it is alive, belongs to this process, and has not decoded too many photos."""
        return os.getpid() == self._owner and self._left > 0 and self._process.poll() is None

    def decode(self, data: bytes, request: DecodeRequest) -> Decoded:
        """Decode a photo; raises PhotoError at a limit, which ends the process."""
        until = time.monotonic() + DEADLINE_S
        self._left -= 1
        try:
            send(self._connection, json.dumps(_asked(request)).encode(), data, until)
            answer = receive(self._connection, until)
        except OSError:  # timeout, or the process has ended
            answer = None
        if answer is None:
            self.end()
            raise PhotoTooCostly("limits")
        said = json.loads(answer[0])
        if said["spent"] or not self._left:
            self.end()
        return _decoded(said, answer[1])

    def end(self) -> None:
        self._left = 0
        self._finalizer()


def _end(process: subprocess.Popen[bytes], connection: socket.socket, owner: int) -> None:
    connection.close()
    if os.getpid() == owner:  # forks must not stop the parent's helper
        process.kill()
        process.wait()


def _ready(connection: socket.socket) -> bool:
    try:
        return receive(connection, time.monotonic() + START_S) is not None
    except OSError:
        return False


def _path() -> str:
    """Return the path of this package for the helper."""
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
