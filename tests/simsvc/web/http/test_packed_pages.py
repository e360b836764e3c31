"""Pages are packed for those who accept it, and their size tells nothing."""

from __future__ import annotations

import gzip

from flask.testing import FlaskClient

from simsvc.web.http.packed_pages import pack

GZIP = {"Accept-Encoding": "gzip"}


def test_a_page_is_packed_for_who_accepts_it(client: FlaskClient) -> None:
    """Packed it is the same page; caches are told that both exist."""
    packed, plain = client.get("/glossary", headers=GZIP), client.get("/glossary")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in packed.vary
    assert "Accept-Encoding" in plain.vary
    assert b"<!doctype html>" in gzip.decompress(packed.data)
    assert len(packed.data) == packed.content_length < len(plain.data) / 2


def test_what_is_no_page_is_sent_as_it_is(client: FlaskClient) -> None:
    """Answers for programs are not packed."""
    assert "Content-Encoding" not in client.get("/healthz", headers=GZIP).headers


def test_the_size_of_a_page_tells_nothing() -> None:
    """The same page is packed to different sizes."""
    assert len({len(pack(b"page" * 1_000)) for _ in range(50)}) > 10
