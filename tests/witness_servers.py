"""Witnesses that tests start: a C2SP witness with its own key, an endpoint for notes, and an S3 bucket."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from simsvc.domain.audit.tree.merkle import EMPTY_ROOT, consistency_holds
from simsvc.domain.audit.tree.signed_note import (
    COSIGNATURE,
    Signature,
    VerifierKey,
    cosigned,
    parse_note,
    parse_vkey,
    verify_note,
)
from simsvc.domain.audit.tree.tlog_checkpoint import parse_head
from simsvc.errors import NoteRefused

Reply = tuple[int, str, bytes]
"""Status, content type, body."""


def raw_public(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of the public key."""
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


@dataclass
class WitnessServer:
    """A witness as https://c2sp.org/tlog-witness has it, for one log whose origin and keys it learns first.

    Attributes:
        now_s: time in its cosignatures, in seconds since 1970.
        saw: sizes of the checkpoints that it cosigned.
        twist: changes an answer, to lie with.
        requests: bodies that it got.
    """

    name: str = "witness.example/tiny"
    now_s: int = 1_780_000_000
    size: int = 0
    root: bytes = EMPTY_ROOT
    origin: str | None = None
    log_vkeys: tuple[str, ...] = ()
    saw: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    twist: Callable[[Reply], Reply] = lambda reply: reply
    status: int | None = None
    """Answers with this status and nothing else."""
    url: str = ""

    def __post_init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.vkey = VerifierKey(self.name, raw_public(self._key), COSIGNATURE)
        self._lock = threading.Lock()

    @property
    def setting(self) -> str:
        """Its address for SIMSVC_WITNESSES."""
        return f"witness+{self.url}#{quote(str(self.vkey), safe='+/=')}"

    def add_checkpoint(self, body: str) -> Reply:
        """Answer a submission."""
        self.requests.append(body)
        if self.status is not None:
            return self.status, "text/plain", b""
        with self._lock:
            return self.twist(self._add(body))

    def _add(self, body: str) -> Reply:
        head, _, text = body.partition("\n\n")
        old_line, *proof_lines = head.split("\n")
        old = int(old_line.removeprefix("old "))
        note = parse_note(text)
        checkpoint = parse_head(note.text)
        if self.origin is not None and checkpoint.origin != self.origin:
            return 404, "text/plain", b"unknown log\n"
        try:
            if self.log_vkeys:
                verify_note(note, [parse_vkey(vkey) for vkey in self.log_vkeys])
        except NoteRefused:
            return 403, "text/plain", b"unknown key\n"
        if old > checkpoint.size:
            return 400, "text/plain", b"bad old size\n"
        same_size = old == checkpoint.size == self.size
        if old != self.size or (same_size and checkpoint.root != self.root):
            return 409, "text/x.tlog.size", f"{self.size}\n".encode()
        proof = [base64.b64decode(line) for line in proof_lines]
        if not consistency_holds(old, checkpoint.size, proof, self.root, checkpoint.root):
            return 422, "text/plain", b"inconsistent\n"
        self.size, self.root = checkpoint.size, checkpoint.root
        self.saw.append(self.size)
        return 200, "text/plain", self.cosignature(note.text).encode()

    def cosignature(self, text: str) -> str:
        """Return the line that it signs a checkpoint with."""
        data = self.now_s.to_bytes(8, "big") + self._key.sign(cosigned(text, self.now_s))
        return str(Signature(self.name, self.vkey.key_id, data))


@dataclass
class NoteServer:
    """An endpoint that keeps the notes that are posted to it, and returns the last one."""

    notes: list[str] = field(default_factory=list)
    status: int | None = None
    authorization: list[str | None] = field(default_factory=list)
    url: str = ""


@dataclass
class BucketServer:
    """A store that speaks as much S3 as a witness needs; objects are never replaced."""

    objects: dict[str, bytes] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def tlog_witness() -> Iterator[WitnessServer]:
    """Serve a C2SP witness on a free port of this machine."""
    witness = WitnessServer()

    class Handler(_Handler):
        def do_POST(self) -> None:
            assert self.path == "/w/add-checkpoint"
            self.reply(*witness.add_checkpoint(self.body().decode()))

    with _served(Handler) as address:
        witness.url = f"{address}/w/"
        yield witness


@contextmanager
def note_server() -> Iterator[NoteServer]:
    """Serve an endpoint for notes on a free port of this machine."""
    server = NoteServer()

    class Handler(_Handler):
        def do_POST(self) -> None:
            body = self.body()
            server.authorization.append(self.headers.get("Authorization"))
            if server.status is None:
                server.notes.append(body.decode())
            self.reply(server.status or 201)

        def do_GET(self) -> None:
            found = server.notes[-1:]
            self.reply(server.status or (200 if found else 404), "text/plain", "".join(found).encode())

    with _served(Handler) as address:
        server.url = f"{address}/log?token=secret"
        yield server


@contextmanager
def bucket_server() -> Iterator[BucketServer]:
    """Serve a bucket on a free port of this machine."""
    server = BucketServer()

    class Handler(_Handler):
        def do_PUT(self) -> None:
            name, body = unquote(self.path.removeprefix("/logs/")), self.body()
            server.headers.append(dict(self.headers))
            taken = server.objects.setdefault(name, body) == body
            self.reply(200 if taken else 403)

        def do_GET(self) -> None:
            server.headers.append(dict(self.headers))
            parts = urlsplit(self.path)
            if "list-type" in parts.query:
                prefix = parse_qs(parts.query)["prefix"][0]
                names = sorted(name for name in server.objects if name.startswith(prefix))[:1]
                listed = "".join(f"<Contents><Key>{name}</Key></Contents>" for name in names)
                self.reply(200, "application/xml", f"<ListBucketResult>{listed}</ListBucketResult>".encode())
                return
            found = server.objects.get(unquote(parts.path.removeprefix("/logs/")))
            self.reply(404 if found is None else 200, "text/plain", found or b"")

    with _served(Handler) as address:
        server.url = f"s3://logs/age/?endpoint={quote(address, safe='')}&region=eu-central-1"
        yield server


class _Handler(BaseHTTPRequestHandler):
    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status: int, kind: str = "text/plain", body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def tiny() -> Iterator[WitnessServer]:
    """Run a C2SP witness."""
    with tlog_witness() as found:
        yield found


@pytest.fixture
def notes() -> Iterator[NoteServer]:
    """Run an endpoint that takes checkpoints and returns the last one."""
    with note_server() as found:
        yield found
