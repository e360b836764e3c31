"""What bounds batches: bytes written, an account's quota, room on the disk, memory, rates and turns."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from simsvc.settings import Settings
from simsvc.web.app import create_app
from simsvc.web.traffic.admission import AdmissionQueue, register
from tests.databases import sqlite_database
from tests.handmade_zips import named_nine_times
from tests.helpers import CASES, zipped
from tests.simsvc.web.helpers import judge_all, send, sent, waiting_files
from tests.simsvc.web.signed_in import account, client_of, signed_in
from tests.small_site import drawn_photo

BMP = b"BM" + bytes(99_998)


@pytest.fixture
def own(site: Settings, tmp_path: Path) -> Settings:
    """Return the shared site with batches of its own: those of other tests wait for nobody here."""
    database_url = sqlite_database(tmp_path / "simsvc.sqlite3")
    return site.model_copy(update={"batch_dir": tmp_path / "batches", "database_url": database_url})


def everything_on_disk(app: Flask) -> list[Path]:
    return [path for path in app.extensions["simsvc"].settings.batch_dir.rglob("*") if path.is_file()]


def test_all_parts_of_an_upload_count_together(own: Settings) -> None:
    """By what is written: several ZIPs that pack to nothing, and photos beside them."""
    app = create_app(own.model_copy(update={"max_batch_bytes": 1_000_000}))
    client = signed_in(app)
    archive = zipped({f"{number}.bmp": BMP for number in range(4)})
    sent(client, [(archive, "a.zip"), (archive, "b.zip"), (BMP, "c.bmp")])
    before = waiting_files(app.extensions["simsvc"])
    response = send(
        client, [(archive, "a.zip"), (archive, "b.zip"), (BMP, "c.bmp"), (BMP, "d.bmp"), (b"1", "e.bmp")]
    )
    assert (response.status_code, "too large for one batch" in response.text) == (413, True)
    assert waiting_files(app.extensions["simsvc"]) == before


def test_photos_of_several_zips_are_counted_together(own: Settings) -> None:
    """Five thousand in all."""
    app = create_app(own)
    archive = zipped({f"{number}.jpg": b"1" for number in range(2501)})
    response = send(signed_in(app), [(archive, "a.zip"), (archive, "b.zip")])
    assert (response.status_code, "more than 5000 photos" in response.text) == (413, True)
    assert everything_on_disk(app) == []


@pytest.mark.data
@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs {CASES}")
def test_twenty_known_bombs_write_nothing(own: Settings) -> None:
    """410 KB once wrote 344 MB."""
    app = create_app(own)
    bomb = (CASES / "bombs" / "overlapping_entries.zip").read_bytes()
    response = send(signed_in(app), [(bomb, f"{number}.zip") for number in range(20)])
    assert (response.status_code, "so nothing was extracted" in response.text) == (422, True)
    assert everything_on_disk(app) == []


def test_a_bomb_behind_photos_leaves_nothing(own: Settings) -> None:
    """What was written before it is gone."""
    app = create_app(own)
    response = send(signed_in(app), [(drawn_photo(1), "a.jpg"), (named_nine_times(BMP), "b.zip")])
    assert response.status_code == 422
    assert everything_on_disk(app) == []


def test_an_account_has_a_quota_of_photos(own: Settings) -> None:
    """In all its batches; others are not held up; what is judged counts no more."""
    app = create_app(own.model_copy(update={"max_waiting_photos": 3}))
    desk = app.extensions["simsvc"]
    client, other = (client_of(app, account(app, "underwriter", name)) for name in ("quota one", "quota two"))
    first = sent(client, [(drawn_photo(1), "a.jpg"), (drawn_photo(2), "b.jpg")])
    before = waiting_files(desk)
    response = send(client, [(drawn_photo(3), "c.jpg"), (drawn_photo(4), "d.jpg")])
    assert response.status_code == 429
    assert "already has 2 photos waiting, and the limit is 3" in response.text
    assert waiting_files(desk) == before
    judge_all(desk, sent(other, [(drawn_photo(3), "c.jpg"), (drawn_photo(4), "d.jpg")]))
    judge_all(desk, first)
    judge_all(desk, sent(client, [(drawn_photo(3), "c.jpg"), (drawn_photo(4), "d.jpg")]))


def test_an_account_has_a_quota_of_bytes(own: Settings) -> None:
    """As they lie on the disk, unpacked."""
    app = create_app(own.model_copy(update={"max_waiting_bytes": 1_000_000}))
    client = client_of(app, account(app, "underwriter", "quota three"))
    archive = zipped({f"{number}.bmp": BMP for number in range(6)})
    first = sent(client, [(archive, "a.zip")])
    response = send(client, [(archive, "a.zip")])
    assert response.status_code == 429
    assert "already has 1 MB of photos waiting, and the limit is 1 MB" in response.text
    judge_all(app.extensions["simsvc"], first)
    judge_all(app.extensions["simsvc"], sent(client, [(archive, "a.zip")]))


def test_the_disk_keeps_a_reserve(own: Settings) -> None:
    """An upload that would touch it is told so, is read to its end, and leaves nothing."""
    app = create_app(own.model_copy(update={"disk_reserve_bytes": 10**15}))
    response = send(signed_in(app), [(drawn_photo(1), "a.jpg")])
    assert response.status_code == 503
    assert "MB for records" in response.text
    assert 'name="photos"' in response.text
    assert everything_on_disk(app) == []


class Body(io.RawIOBase):
    """A form of many parts, made while it is read."""

    def __init__(self, parts: int, size: int) -> None:
        super().__init__()
        self._pieces = self._made(parts, bytes(size))
        self._rest = b""
        head = len(self._head(0))
        self.length = parts * (head + size + 2) + len(b"--b--\r\n")

    def _head(self, number: int) -> bytes:
        return (
            b'--b\r\nContent-Disposition: form-data; name="photos"; filename="%04d.jpg"\r\n' % number
            + b"Content-Type: image/jpeg\r\n\r\n"
        )

    def _made(self, parts: int, data: bytes) -> Iterator[bytes]:
        for number in range(parts):
            yield self._head(number)
            yield data
            yield b"\r\n"
        yield b"--b--\r\n"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # narrower: only Werkzeug reads it
        self._rest = self._rest or next(self._pieces, b"")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def test_many_small_photos_stay_off_the_heap(own: Settings) -> None:
    """Werkzeug alone would hold each of them in memory, as it does with what is smaller than 500 kB."""
    app, body = create_app(own), Body(300, 400_000)
    client = signed_in(app)
    client.get("/batches")
    tracemalloc.start()
    try:
        sent_as = {"CONTENT_TYPE": "multipart/form-data; boundary=b", "CONTENT_LENGTH": str(body.length)}
        response = client.post("/batches", environ_overrides={"wsgi.input": body, **sent_as})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert response.status_code == 303
    assert peak < 10_000_000
    assert len(waiting_files(app.extensions["simsvc"])) == 300


def test_rates_count_photos(own: Settings) -> None:
    """Eight photos of one case cost as much as eight one by one; so do those of a batch, packed or not."""
    photos = [(io.BytesIO(b"no photo"), f"{number}.jpg") for number in range(8)]
    client = signed_in(create_app(own.model_copy(update={"upload_rate": "10 per minute"})))
    desk_form = {"case": "L-1", "photo": photos}
    assert client.post("/estimates", data=desk_form, content_type="multipart/form-data").status_code == 303
    answers = []
    for _ in range(3):
        one = {"photo": [(io.BytesIO(b"no photo"), "a.jpg")]}
        answers.append(client.post("/estimates", data=one, content_type="multipart/form-data").status_code)
    assert answers == [303, 303, 429]


@pytest.mark.parametrize("packed", [True, False])
def test_rates_count_photos_of_batches(own: Settings, packed: bool) -> None:
    """One batch costs at most half of the rate, so that one larger than the rate is not locked out."""
    client = signed_in(create_app(own.model_copy(update={"upload_rate": "20 per minute"})))
    files = {f"{number}.jpg": b"1" for number in range(30)}
    parts = [(zipped(files), "a.zip")] if packed else [(data, name) for name, data in files.items()]
    assert [send(client, parts).status_code for _ in range(3)] == [303, 303, 429]


def test_unpacking_takes_a_turn(own: Settings) -> None:
    """Where too much is under way already, a batch is told to come back, too."""
    app = create_app(own)
    register(app, AdmissionQueue(at_once=0, waiting=0))
    response = send(signed_in(app), [(drawn_photo(1), "a.jpg")])
    assert (response.status_code, "Try again in a few seconds" in response.text) == (503, True)
    assert int(response.headers["Retry-After"]) > 0
    assert everything_on_disk(app) == []
