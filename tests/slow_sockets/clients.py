"""Clients that hold connections for as long as they are let, and one that asks whether the server lives."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field

BYTE_EVERY_S = 10.0
RECEIVE_BYTES = 4_096
"""The receive buffer of a client that does not read: the server is to notice soon."""
PIPELINED = 40
"""Answers of 230 kB that such a client asks for: more than the kernel's buffers take."""
LARGE = "/static/bootstrap/css/bootstrap.min.css"


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to be slow: what a client sends first, and then a byte at a time."""

    first: Callable[[Mapping[str, str]], bytes]
    trickle: bytes
    reads: bool = True


def _head(line: str, headers: Mapping[str, str]) -> bytes:
    lines = [line, "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n").encode()


def _body(length: int, path: str = "/api/v1/estimates") -> Callable[[Mapping[str, str]], bytes]:
    kinds = {"Content-Type": "image/jpeg", "Content-Length": str(length)}
    return lambda headers: _head(f"POST {path} HTTP/1.1", {**headers, **kinds}) + b"\r\nx"


def _chunked(headers: Mapping[str, str]) -> bytes:
    kinds = {"Content-Type": "image/jpeg", "Transfer-Encoding": "chunked"}
    return _head("POST /api/v1/estimates HTTP/1.1", {**headers, **kinds}) + b"\r\n"


KINDS: dict[str, Kind] = {
    "half-open": Kind(lambda _: b"", b""),
    "headers": Kind(lambda headers: _head("GET /healthz HTTP/1.1", headers) + b"X-Slow: ", b"x"),
    "body": Kind(_body(500_000), b"x"),
    "large body": Kind(_body(20_000_000), b"x"),
    "form of pages": Kind(_body(300_000, "/sign-in"), b"x"),
    "chunked body": Kind(_chunked, b"1\r\nx\r\n"),
    "reading": Kind(lambda _: _head(f"GET {LARGE} HTTP/1.1", {}) + b"\r\n", b"", reads=False),
    "keep-alive": Kind(lambda _: _head("GET /healthz HTTP/1.1", {}) + b"\r\n", b""),
}


@dataclass
class Crowd:
    """Many connections of one kind, each sending a byte every ten seconds."""

    bind: str
    kind: Kind
    headers: Mapping[str, str]
    count: int
    _open: list[socket.socket] = field(default_factory=list)
    _next_s: float = 0.0
    opened: int = 0

    def tend(self) -> None:
        """Replace connections that the server has closed, and send a byte on the others when it is time."""
        self._open = [each for each in self._open if not self._is_closed(each)]
        while len(self._open) < self.count:
            self._open.append(self._connect())
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + BYTE_EVERY_S
            for each in self._open if self.kind.trickle else ():
                with suppress(OSError):
                    each.send(self.kind.trickle)

    def close(self) -> None:
        """Let go of all connections."""
        for each in self._open:
            each.close()

    def _connect(self) -> socket.socket:
        host, _, port = self.bind.rpartition(":")
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        made.settimeout(10)
        made.connect((host, int(port)))
        first = self.kind.first(self.headers)
        many = PIPELINED if LARGE.encode() in first else 1
        made.sendall(first * many)
        made.setblocking(False)
        self.opened += 1
        return made

    def _is_closed(self, each: socket.socket) -> bool:
        flags = 0 if self.kind.reads else socket.MSG_PEEK
        try:
            return not each.recv(RECEIVE_BYTES, flags)
        except BlockingIOError:
            return False
        except OSError:
            return True


def ask(bind: str, path: str = "/healthz") -> float:
    """Return how many seconds an answer took, on a connection of its own.

    Raises:
        AssertionError: it was no 200.
        OSError: it did not come within 30 s.
    """
    began_s = time.perf_counter()
    with closing(http.client.HTTPConnection(bind, timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    return time.perf_counter() - began_s


def worst(seconds: list[float]) -> float:
    """Return the 99th percentile; of fewer than a hundred, the largest."""
    return sorted(seconds)[int(len(seconds) * 0.99) if len(seconds) >= 100 else -1]


def hold(
    bind: str, crowds: list[Crowd], lasting_s: float, other: Callable[[], float] | None = None
) -> tuple[list[float], list[float]]:
    """Keep the crowds there and ask meanwhile: return the seconds of /healthz, and of what others do."""
    health: list[float] = []
    others: list[float] = []
    end_s = time.monotonic() + lasting_s
    try:
        while time.monotonic() < end_s:
            for crowd in crowds:
                crowd.tend()
            health.append(ask(bind))
            if other is not None and len(health) % 5 == 0:
                others.append(other())
            time.sleep(0.02)
    finally:
        for crowd in crowds:
            crowd.close()
    return health, others
