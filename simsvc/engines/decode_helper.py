"""The process that decodes what may be costly: `python -m simsvc.engines.decode_helper SOCKET`.

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

from simsvc.engines.framed import receive, send
from simsvc.errors import PhotoError
from simsvc.steps.decode import decode_picture, too_costly
from simsvc.values import DecodeRequest

MEMORY_BYTES = 420_000_000
"""Address space that a photo may take beyond what the process has when it is idle. With the 40 MB that it
holds then, that is less than 500 MB. The most that a photo needs is 374 MB, for a HEIC of 48 megapixels."""
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
    with socket.socket(fileno=descriptor) as connection:
        _limit_memory()
        send(connection, b"{}")
        while (asked := receive(connection)) is not None:
            signal.setitimer(signal.ITIMER_PROF, CPU_S)  # whose signal ends the process, whatever it does
            head, pixels = _answer(*asked)
            send(connection, head, pixels)
            signal.setitimer(signal.ITIMER_PROF, 0.0)


def _answer(head: bytes, data: bytes) -> tuple[bytes, bytes]:
    try:
        found = decode_picture(data, DecodeRequest(**json.loads(head)))
        said: dict[str, Any] = {
            "size_px": found.picture.size,
            "part": found.part,
            "original_px": [found.original_width_px, found.original_height_px],
            "format": found.format,
        }
        return json.dumps(said).encode(), found.picture.tobytes()
    except PhotoError as error:
        refusal: PhotoError = error
    except MemoryError:
        refusal = too_costly()
    return json.dumps({"code": refusal.code, "sentence": refusal.sentence}).encode(), b""


def _limit_memory() -> None:
    if sys.platform != "linux":
        return  # other systems do not keep to this limit
    idle = int(STATM.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (idle + MEMORY_BYTES, idle + MEMORY_BYTES))


if __name__ == "__main__":
    main(int(sys.argv[1]))
