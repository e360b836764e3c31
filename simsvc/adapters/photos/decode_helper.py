"""The process that decodes what may be costly: `python -m simsvc.adapters.photos.decode_helper SOCKET`.

It is told one photo after another, each under a limit of its own on processor time, and all under one on
memory. It imports neither Flask nor ONNX Runtime, so that it starts quickly and its memory is the photo's.
"""

from __future__ import annotations

import json
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import AvifImagePlugin

from simsvc.adapters.photos.framed import receive, send
from simsvc.domain.photo.decode import decode_picture
from simsvc.errors import PhotoError, PhotoTooCostly, to_json
from simsvc.values import DecodeRequest

MEMORY_BYTES = 420_000_000
"""Address space that a photo may take beyond what the process has when it is idle. With the 40 MB that it
holds then, that is less than 500 MB. The most that a photo needs is 374 MB, for a HEIC of 48 megapixels."""
LEFT_BYTES = 48_000_000
"""That photos may leave behind in a process before another one takes its place; an upload of 25 MB is one."""
CPU_S = 1.9
"""Processor time of a photo, of all threads. Linux counts it by ticks of up to 4 ms, and reading the photo
and sending its pixels take 50 ms of the 2 s at most."""
STATM = Path("/proc/self/statm")


def main(descriptor: int) -> None:
    """Decode photos until the other side closes the connection, as it does when its process ends."""
    pillow_heif.options.DECODE_THREADS = 1  # more of them would hold more pictures at once
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    idle_bytes = _address_space()
    _limit_memory(idle_bytes)
    with socket.socket(fileno=descriptor) as connection:
        send(connection, b"{}")
        while (asked := receive(connection)) is not None:
            signal.setitimer(signal.ITIMER_PROF, CPU_S)  # whose signal ends the process, whatever it does
            said, pixels = _answer(*asked)
            said["spent"] = _address_space() > idle_bytes + LEFT_BYTES
            send(connection, json.dumps(said).encode(), pixels)
            signal.setitimer(signal.ITIMER_PROF, 0.0)


def _answer(head: bytes, data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        found = decode_picture(data, DecodeRequest(**json.loads(head)))
    except PhotoError as error:
        return {"refusal": to_json(error.message)}, b""
    except MemoryError:
        return {"refusal": to_json(PhotoTooCostly("limits").message)}, b""
    said = {
        "size_px": found.picture.size,
        "part": found.part,
        "original_px": [found.original_width_px, found.original_height_px],
        "format": found.format,
    }
    return said, found.picture.tobytes()


def _address_space() -> int:
    """Return the bytes that this process has mapped, 0 where that cannot be told."""
    if sys.platform != "linux":
        return 0
    return int(STATM.read_text().split()[0]) * resource.getpagesize()


def _limit_memory(idle_bytes: int) -> None:
    if sys.platform == "linux":  # other systems do not keep to this limit
        resource.setrlimit(resource.RLIMIT_AS, (idle_bytes + MEMORY_BYTES, idle_bytes + MEMORY_BYTES))


if __name__ == "__main__":
    main(int(sys.argv[1]))
