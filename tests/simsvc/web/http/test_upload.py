from __future__ import annotations

import io

import pytest
from flask import Flask, Request
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from simsvc.web.http.upload import FIELD, LONGEST_NAME, TAIL_BYTES, PhotoRequest, TailLast, shown_name


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("me.jpg", "me.jpg"),
        ("C:\\fakepath\\me.jpg", "me.jpg"),
        ("../../etc/passwd", "passwd"),
        ("Zoë 写真.heic", "Zoë 写真.heic"),
        ("a\x00b\r\n.jpg", "ab.jpg"),
        ("folder/", "photo"),
        ("", "photo"),
    ],
)
def test_a_file_name_is_shown_without_folders_and_control_characters(filename: str, shown: str) -> None:
    """Only the last part of a name is kept, and only what can be shown."""
    assert shown_name(filename) == shown


@given(st.text())
def test_a_shown_name_is_short_and_printable(filename: str) -> None:
    """Any text becomes a short printable name."""
    name = shown_name(filename)
    assert name.isprintable()
    assert 1 <= len(name) <= LONGEST_NAME


READ = Flask(__name__)
BOUNDARY = "a--b"
PARTS = st.lists(
    st.sampled_from(["photo", "other", "case"]).flatmap(
        lambda name: st.tuples(
            st.just(name),
            st.binary(max_size=2 * TAIL_BYTES)
            | st.sampled_from([b"\r\n--" + BOUNDARY.encode(), b"--a--", b"\r", b"\n", b""]),
        )
    ),
    max_size=4,
)


def form_of(parts: list[tuple[str, bytes]]) -> bytes:
    heads = {name: f'name="{name}"' + ("" if name == "case" else '; filename="a.jpg"') for name, _ in parts}
    written = [
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {heads[name]}\r\n\r\n".encode() + data + b"\r\n"
        for name, data in parts
    ]
    return b"".join(written) + f"--{BOUNDARY}--\r\n".encode()


def read(kind: type[Request], body: bytes) -> tuple[object, ...]:
    """Return fields and files as a request of this kind reads them."""
    kinds = f"multipart/form-data; boundary={BOUNDARY}"
    environ = EnvironBuilder(method="POST", input_stream=io.BytesIO(body), content_type=kinds).get_environ()
    environ["CONTENT_LENGTH"] = str(len(body))
    with READ.app_context():
        request = kind(environ)
        files = [(name, part.filename, part.read()) for name, part in request.files.items(multi=True)]
        return list(request.form.items(multi=True)), files, request.stream.read()


@given(PARTS, st.integers(0, 3 * TAIL_BYTES))
@example([(FIELD, b"\r\n" * 40_000)], 0)
def test_a_form_is_read_as_flask_reads_it(parts: list[tuple[str, bytes]], missing: int) -> None:
    """Whole or cut off, wherever its parts end, a form read with its tail last is the same form."""
    body = form_of(parts)
    cut = body[: max(0, len(body) - missing)] if missing % 2 else body
    assert read(PhotoRequest, cut) == read(Request, cut)


def test_the_last_piece_of_a_form_is_short() -> None:
    """What is read is the whole body in its order, and no piece reaches from before the tail into it."""
    body = bytes(range(256)) * 9
    stream = TailLast(io.BytesIO(body), len(body))
    pieces = [stream.read(1_000) for _ in range(5)]
    assert b"".join(pieces) == body
    assert [len(piece) for piece in pieces] == [1_000, len(body) - TAIL_BYTES - 1_000, TAIL_BYTES, 0, 0]
