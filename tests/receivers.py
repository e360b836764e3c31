"""Receivers of notifications: a web server that takes webhooks, and a mail server."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Collecting
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Hooks:
    """A web server that answers with `status`, and what was posted to it."""

    url: str = ""
    status: int = 204
    posted: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)


@contextmanager
def web_server() -> Iterator[Hooks]:
    """Serve on a free port of this machine."""
    hooks = Hooks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hooks.posted.append((body, dict(self.headers)))
            self.send_response(hooks.status)
            self.send_header("Location", hooks.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hooks.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield hooks
    server.shutdown()
    server.server_close()


class Mails(Collecting):
    """Collects mails, and refuses an address."""

    refused = "gone@example.com"

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Message] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if address == self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def handle_message(self, message: Message) -> None:
        """Keep a mail."""
        self.taken.append(message)


@contextmanager
def mail_server() -> Iterator[tuple[str, Mails]]:
    """Serve on a free port of this machine; give its address and what it takes."""
    mails = Mails()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(mails, hostname="127.0.0.1", port=port)  # which looks for itself where it listens
    controller.start()
    yield f"smtp://127.0.0.1:{port}", mails
    controller.stop()


@dataclass
class Messages:
    """A syslog receiver, and the messages that it took."""

    url: str = ""
    taken: list[bytes] = field(default_factory=list)
    answers: bool = True
    """Whether it closes a connection after it has read everything."""


@contextmanager
def syslog_tcp_server() -> Iterator[Messages]:
    """Take messages with octet counting (RFC 6587) on a free port of this machine."""
    messages = Messages()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            data = self.rfile.read()
            while data:
                length, _, rest = data.partition(b" ")
                messages.taken.append(rest[: int(length)])
                data = rest[int(length) :]
            if not messages.answers:
                raise ConnectionAbortedError

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return

        def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
            if messages.answers or not isinstance(request, socket.socket):
                super().shutdown_request(request)
            else:  # reset it
                request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_request(request)

    with Server(("127.0.0.1", 0), Handler) as server:
        messages.url = f"syslog://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield messages
        server.shutdown()


@contextmanager
def syslog_udp_server() -> Iterator[Messages]:
    """Take datagrams on a free port of this machine."""
    messages = Messages()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            messages.taken.append(self.request[0])

    class Server(socketserver.UDPServer):
        max_packet_size = 65_535

    with Server(("127.0.0.1", 0), Handler) as server:
        messages.url = f"syslog+udp://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield messages
        server.shutdown()
