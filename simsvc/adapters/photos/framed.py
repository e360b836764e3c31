"""Messages between two local processes: a short text and bytes, without pickle."""

from __future__ import annotations

import socket
import struct
import time

_LENGTHS = struct.Struct("<IQ")
MOST_HEAD_BYTES = 65_536


def send(connection: socket.socket, head: bytes, body: bytes = b"", until: float | None = None) -> None:
    """Send a message until a time of `time.monotonic`.

    Raises TimeoutError if the other process does not read it in time, OSError if there is no other process.
    """
    for piece in (_LENGTHS.pack(len(head), len(body)) + head, body):
        connection.settimeout(_left(until))
        connection.sendall(piece)


def receive(connection: socket.socket, until: float | None = None) -> tuple[bytes, bytes] | None:
    """Return the next message's head and body, or None at the end; raises TimeoutError if it is late."""
    lengths = _exactly(connection, _LENGTHS.size, until)
    if lengths is None:
        return None
    head_bytes, body_bytes = _LENGTHS.unpack(lengths)
    if head_bytes > MOST_HEAD_BYTES:
        return None
    head = _exactly(connection, head_bytes, until)
    body = _exactly(connection, body_bytes, until)
    return None if head is None or body is None else (head, body)


def _exactly(connection: socket.socket, size: int, until: float | None) -> bytes | None:
    buffer = bytearray(size)
    left = memoryview(buffer)
    while left:
        connection.settimeout(_left(until))
        try:
            got = connection.recv_into(left)
        except ConnectionError:
            return None
        if not got:
            return None
        left = left[got:]
    return bytes(buffer)


def _left(until: float | None) -> float | None:
    return None if until is None else max(0.001, until - time.monotonic())
