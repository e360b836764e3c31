"""A link to a server that can be cut, refused or frozen."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

PIECE_BYTES = 65_536


class Link:
    """Forwards connections to an address of 127.0.0.1 of its own to a server.

    Attributes:
        port: to connect to.
        is_frozen: whether bytes are taken and go nowhere.
        bytes_left: after how many bytes of answers a connection is cut; None: never.
    """

    def __init__(self, reach: Callable[[], socket.socket]) -> None:
        self._reach = reach
        self._open: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.is_frozen, self.is_refused = False, False
        self.bytes_left: int | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection."""
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End every connection, and take no more."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            if self.is_refused:
                near.close()
                continue
            far = self._reach()
            self._open += [near, far]
            for source, sink, counts in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._forward, args=(source, sink, counts), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                if self.is_frozen:
                    continue
                if counts and self.bytes_left is not None:
                    piece = piece[: self.bytes_left]
                    self.bytes_left -= len(piece)
                sink.sendall(piece)
                if counts and self.bytes_left == 0:
                    break  # this connection alone: one that is opened from here on is not meant
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def unix_socket(path: str) -> Callable[[], socket.socket]:
    """Return what connects to a Unix socket."""

    def reach() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.connect(path)
        return made

    return reach
