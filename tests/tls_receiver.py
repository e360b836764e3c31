"""A syslog receiver behind TLS (RFC 5425), with an authority and a certificate that the test made."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "simsvc tests")])
LOCALHOST = x509.IPAddress(ip_address("127.0.0.1"))


@dataclass
class TlsMessages:
    """What a receiver took.

    Attributes:
        url: its address for SIMSVC_EVENT_STREAM and SIMSVC_WITNESSES.
        taken: messages.
        versions: of TLS, one a connection.
        ends: how it closes a connection: "notify" announces it, "close" does not, "reset" reads nothing.
    """

    url: str = ""
    taken: list[bytes] = field(default_factory=list)
    versions: list[str | None] = field(default_factory=list)
    ends: str = "notify"


def make_certificate(folder: Path, name: x509.GeneralName = LOCALHOST) -> Path:
    """Write cert.pem, which is its own authority, with its key, for a name."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(NAME, NAME, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    place = folder / "cert.pem"
    place.write_bytes(made.public_bytes(pem) + private)
    return place


@contextmanager
def syslog_tls_server(certificate: Path) -> Iterator[TlsMessages]:
    """Take messages with octet counting by TLS on a free port of this machine."""
    messages = TlsMessages()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), context.wrap_socket(self.request, server_side=True) as secure:
                messages.versions.append(secure.version())
                if messages.ends == "reset":
                    return
                messages.taken += _messages(_all(secure))
                if messages.ends == "notify":
                    secure.unwrap()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        messages.url = f"syslog+tls://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield messages
        server.shutdown()


def _all(secure: ssl.SSLSocket) -> bytes:
    """Return everything until the sender announces the end."""
    data = b""
    while piece := secure.recv(65_536):
        data += piece
    return data


def _messages(data: bytes) -> list[bytes]:
    found = []
    while data:
        length, _, rest = data.partition(b" ")
        found.append(rest[: int(length)])
        data = rest[int(length) :]
    return found
