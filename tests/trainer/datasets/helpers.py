"""A server of one archive that can break off."""

import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from trainer.datasets.archives import Archive

CONTENT = b"".join(hashlib.sha256(bytes([at % 256, at // 256])).digest() for at in range(30_000))


class Shelf(ThreadingHTTPServer):
    """A server of one file that honours ranges, and breaks off after `limit_bytes` of an answer."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Answer)
        self.content = CONTENT
        self.etag = '"one"'
        self.limit_bytes = len(CONTENT)
        self.ranges = True
        self.status = 0
        self.asked: list[str | None] = []
        self.sent_bytes = 0


class Answer(BaseHTTPRequestHandler):
    """One answer of the shelf."""

    server: Shelf

    def do_GET(self) -> None:
        """Send the file or the rest of it."""
        shelf = self.server
        wanted = self.headers.get("Range")
        shelf.asked.append(wanted)
        if shelf.status:
            self.send_error(shelf.status)
            return
        start = 0
        if wanted and shelf.ranges and self.headers.get("If-Range") in {None, shelf.etag}:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(shelf.content) - 1}/{len(shelf.content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", shelf.etag)
        self.send_header("Content-Length", str(len(shelf.content) - start))
        self.end_headers()
        body = shelf.content[start : start + shelf.limit_bytes]
        shelf.sent_bytes += len(body)  # before the client can have it all and look
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature of the standard library
        """Say nothing."""


def archive_of(shelf: Shelf, sha256: str | None = None) -> Archive:
    """Return an archive that lies on the shelf."""
    return Archive(
        "wiki", f"http://127.0.0.1:{shelf.server_port}/a.tar", "a.tar", "1 MB", "page", "terms", sha256
    )
