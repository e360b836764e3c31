"""The helper process for costly decoding: `python -m simsvc.adapters.photos.decode_helper SOCKET CPU_S`.

It decodes photos one by one, with a limit on processor time per photo and on total memory. It imports neither
Flask nor ONNX Runtime, to start quickly with little memory.
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
"""Additional address space for a photo. With the 40 MB of the idle process, that is less than 500 MB. The
most needed is 374 MB, for a HEIC of 48 megapixels."""
LEFT_BYTES = 48_000_000
"""Memory growth after which a helper is replaced; an upload of 25 MB is the largest part."""
STATM = Path("/proc/self/statm")


def main(descriptor: int, cpu_s: float) -> None:
    """Decode photos until the connection is closed, or one takes more than `cpu_s` of processor time."""
    pillow_heif.options.DECODE_THREADS = 1  # more threads would need more memory
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent process
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    idle_bytes = _address_space()
    _limit_memory(idle_bytes)
    with socket.socket(fileno=descriptor) as connection:
        send(connection, b"{}")
        while (asked := receive(connection)) is not None:
            signal.setitimer(signal.ITIMER_PROF, cpu_s)  # its signal ends the process
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
    if sys.platform != "linux":
        return 0
    return int(STATM.read_text().split()[0]) * resource.getpagesize()


def _limit_memory(idle_bytes: int) -> None:
    if sys.platform == "linux":  # other systems ignore this limit
        resource.setrlimit(resource.RLIMIT_AS, (idle_bytes + MEMORY_BYTES, idle_bytes + MEMORY_BYTES))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
