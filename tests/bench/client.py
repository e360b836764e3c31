"""A lean load: one process, keep-alive sockets, the same bytes again and again; prints what it saw as JSON.

It shares the machine's cores with the server, so it does as little as it can and says what it took.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

HEAD_END = b"\r\n\r\n"


class Connection:
    """A keep-alive connection on which one request after another is sent."""

    def __init__(self, port: int, request: bytes, selector: selectors.BaseSelector) -> None:
        self._port, self._request, self._selector = port, request, selector
        self._answer, self.started = b"", 0.0
        self._open()

    def send(self) -> None:
        """Send the next request."""
        self.started = time.perf_counter()
        self._socket.setblocking(True)
        self._socket.sendall(self._request)
        self._socket.setblocking(False)

    def read(self) -> int | None:
        """Take what has come: the status once an answer is whole, 0 for a broken connection, or None."""
        try:
            piece = self._socket.recv(1 << 16)
        except OSError:
            piece = b""
        if not piece:
            self._reopen()
            return 0
        self._answer += piece
        head, found, rest = self._answer.partition(HEAD_END)
        if not found or len(rest) < _length(head):
            return None
        self._answer = b""
        if b"\r\nconnection: close" in head.lower():
            self._reopen()
        return int(head[9:12])

    def close(self) -> None:
        """Close it."""
        self._selector.unregister(self._socket)
        self._socket.close()

    def _reopen(self) -> None:
        self.close()
        self._open()

    def _open(self) -> None:
        self._answer = b""
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(self._socket, selectors.EVENT_READ, self)


MOST_S = 300.0
"""When a load ends, however few requests it got through: `make bench` takes 15 minutes on any machine."""


def load(port: int, request: bytes, clients: int, requests: int, seconds: float) -> dict[str, object]:
    """Send requests until there are so many and so much time is over; return latencies, answers and cost."""
    selector = selectors.DefaultSelector()
    open_now = [Connection(port, request, selector) for _ in range(clients)]
    began, used = time.perf_counter(), sum(os.times()[:2])
    times_ms: list[float] = []
    statuses: Counter[int] = Counter()
    for connection in open_now:
        connection.send()
    waiting = clients
    while waiting:
        for key, _ in selector.select(60):
            connection = key.data
            status = connection.read()
            if status is None:
                continue
            now = time.perf_counter()
            times_ms.append((now - connection.started) * 1e3)
            statuses[status] += 1
            left = len(times_ms) + waiting <= requests or now - began < seconds
            if left and now - began < MOST_S:
                connection.send()
            else:
                waiting -= 1
    taken = time.perf_counter() - began
    return {
        "requests": len(times_ms),
        **{f"p{share}_ms": round(float(np.percentile(times_ms, share)), 2) for share in (50, 95, 99)},
        "slowest_ms": round(max(times_ms), 1),
        "a_second": round(len(times_ms) / taken, 1),
        "refused_503": statuses.pop(503, 0),
        "other_errors": sum(count for status, count in statuses.items() if status not in {200, 201}),
        "client_cores": round((sum(os.times()[:2]) - used) / taken, 3),
    }


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def main() -> int:
    """Read the request's bytes from a file, send them, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("request", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--requests", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.0)
    args = parser.parse_args()
    told = load(args.port, args.request.read_bytes(), args.clients, args.requests, args.seconds)
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
