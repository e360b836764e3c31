"""Syslog by TCP, TLS, UDP and the local socket.

Source: RFC 6587, section 3.4.1 (TCP with octet counting), RFC 5425 (TLS), RFC 5426 (UDP).
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Sequence
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from simsvc.adapters.sending.network_problem import network_problem
from simsvc.errors import DeliveryFailed

TIMEOUT_S = 10.0
"""Longest wait for each step with a receiver, as for webhooks."""
PORTS = {"syslog": 514, "syslog+tls": 6514, "syslog+udp": 514}
"""Source: RFC 5425, section 4.1 (6514); RFC 5426, section 3.3 (514), which TCP receivers use as well."""
MOST_DATAGRAM_BYTES = 65_000
"""Of one UDP message; a longer one is cut at its end. Source: RFC 768, 65,535 bytes with headers, and
RFC 5424, section 6.1, which lets messages be truncated."""


class Syslog:
    """Sends messages to one receiver.

    Args:
        url: syslog://host:port (TCP), syslog+tls://host:port, syslog+udp://host:port, or syslog:///dev/log.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._scheme, self._path = parts.scheme, parts.path
        self._address = (parts.hostname or "", parts.port or PORTS[parts.scheme])
        self._is_local = not parts.netloc

    @property
    def name(self) -> str:
        """Name of the receiver for logs."""
        if self._is_local:
            return f"syslog://{self._path}"
        return f"{self._scheme}://{self._address[0]}:{self._address[1]}"

    def send(self, messages: Sequence[bytes]) -> None:
        """Send messages in order.

        By TCP and TLS, all messages go on one connection, and the receiver has to close its side after ours
        is closed: only then has it read everything. rsyslog and syslog-ng do so. Datagrams are not confirmed.

        Raises:
            DeliveryFailed: the receiver cannot be reached, or did not read everything.
        """
        try:
            if self._is_local or self._scheme == "syslog+udp":
                self._send_datagrams(messages)
            else:
                self._send_stream(messages)
        except OSError as error:  # ssl errors and timeouts are OSErrors
            raise DeliveryFailed("unreachable", problem=network_problem(error)) from None

    def _send_datagrams(self, messages: Sequence[bytes]) -> None:
        with closing(self._datagram_socket()) as to:
            for message in messages:
                try:
                    to.send(message[:MOST_DATAGRAM_BYTES] if not self._is_local else message)
                except OSError as error:
                    if error.errno != errno.EMSGSIZE:
                        raise
                    to.send(message[:MOST_DATAGRAM_BYTES])

    def _datagram_socket(self) -> socket.socket:
        if self._is_local:
            family, kind, address = socket.AF_UNIX, socket.SOCK_DGRAM, self._path
            found: tuple[Any, ...] = (family, kind, 0, address)
        else:
            first = socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)[0]
            found = (first[0], first[1], first[2], first[4])
        to = socket.socket(*found[:3])
        try:
            to.settimeout(TIMEOUT_S)
            to.connect(found[3])
        except OSError:
            to.close()
            raise
        return to

    def _send_stream(self, messages: Sequence[bytes]) -> None:
        with socket.create_connection(self._address, TIMEOUT_S) as plain:
            framed = b"".join(b"%d %s" % (len(message), message) for message in messages)
            if self._scheme == "syslog+tls":
                context = ssl.create_default_context()
                with context.wrap_socket(plain, server_hostname=self._address[0]) as secure:
                    secure.sendall(framed)
                    _end_tls(secure)
            else:
                plain.sendall(framed)
                plain.shutdown(socket.SHUT_WR)
                _await_end(plain)


def _await_end(connection: socket.socket) -> None:
    """Wait until the receiver closes its side."""
    while connection.recv(4096):
        pass


def _end_tls(connection: ssl.SSLSocket) -> None:
    """Announce the end and wait for the receiver's. Source: RFC 5425, section 4.4."""
    try:
        connection.unwrap()
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return  # closed without an announcement of its own, after it had ours
