"""Names and tables of batches: what is declared reaches the right photo, and what is not used is said."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.settings import Settings
from simsvc.values import Declaration
from simsvc.web.app import create_app
from simsvc.wiring.erasure import eraser
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.handmade_zips import UTF8, Made, made_zip
from tests.helpers import CASES, zipped
from tests.simsvc.web.helpers import checked, judge_all, send, sent, table
from tests.small_site import drawn_photo

needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"needs {CASES}")


@pytest.fixture
def app(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    url = sqlite_database(tmp_path / "own.sqlite3")  # cases of the same names are no other test's
    app = create_app(site.model_copy(update={"batch_dir": tmp_path / "batches", "database_url": url}))
    yield app
    app.extensions["simsvc"].database.close()


def cases(client: FlaskClient, batch_id: str) -> dict[str, str]:
    return {row["file"]: row["case"] for row in table(client, batch_id) if row["status"] != "left_out"}


def test_paths_tell_photos_apart(client: FlaskClient) -> None:
    """A folder for each person: photos of one name are shown by their paths, and the table names them so."""
    folders = {"anna/1.jpg": drawn_photo(1), "bert/1.jpg": drawn_photo(2), "bert/2.jpg": drawn_photo(3)}
    rows = b"file,case\nanna/1.jpg,L-5\nbert\\1.jpg,L-6\n2.jpg,L-7\n"
    wanted = {"anna/1.jpg": "L-5", "bert/1.jpg": "L-6", "bert/2.jpg": "L-7"}
    assert cases(client, sent(client, [(zipped(folders), "faces.zip")], rows)) == wanted
    parts = [(data, f"in/{path}") for path, data in folders.items()]
    as_folder = sent(client, [*parts, (rows, "in/cases.csv")])
    assert cases(client, as_folder) == {f"in/{path}": case for path, case in wanted.items()}
    assert "in/anna/1.jpg" in client.get(f"/batches/{as_folder}").text


def test_a_name_of_several_photos_is_told(client: FlaskClient) -> None:
    """With the photos that have it, so that the row can be corrected."""
    folders = {"anna/1.jpg": b"1", "bert/1.jpg": b"2"}
    response = send(client, [(zipped(folders), "a.zip")], b"file,case\n1.jpg,L-5\n")
    assert response.status_code == 422
    assert "2 photos have that name: “anna/1.jpg”, “bert/1.jpg”" in response.text


def test_zips_of_one_upload_are_told_apart(client: FlaskClient) -> None:
    """Photos of two ZIPs may have the same names."""
    parts = [(zipped({"1.jpg": drawn_photo(1)}), "anna.zip"), (zipped({"1.jpg": drawn_photo(2)}), "bert.zip")]
    batch_id = sent(client, parts, b"file,case\nanna/1.jpg,L-5\nbert/1.jpg,L-6\n")
    assert cases(client, batch_id) == {"anna/1.jpg": "L-5", "bert/1.jpg": "L-6"}


@pytest.mark.parametrize("forms", [("NFD", "NFC"), ("NFC", "NFD"), ("NFD", "NFD")])
@pytest.mark.parametrize("flags", [0, UTF8])
def test_names_meet_in_one_form(client: FlaskClient, forms: tuple[str, str], flags: int) -> None:
    """As macOS writes them in the ZIP or in the table, in ZIPs and as single files."""
    packed, typed = (unicodedata.normalize(form, "Müller.jpg") for form in forms)
    rows = f"file,case\n{typed},L-1\n".encode()
    archive = made_zip(Made(packed.encode(), drawn_photo(1), flags=flags))
    for part in ((archive, "faces.zip"), (drawn_photo(1), packed)):
        assert cases(client, sent(client, [part], rows)) == {"Müller.jpg": "L-1"}


@pytest.mark.parametrize(
    ("codec", "encoding", "name"),
    [
        ("gbk", "GBK", "张三.jpg"),
        ("big5", "Big5", "陳美玲.jpg"),
        ("cp932", "Shift-JIS", "田中.jpg"),
        ("cp949", "EUC-KR", "김철수.jpg"),
        ("cp850", "CP437", "Müller.jpg"),
        ("cp1252", "CP1252", "Müller.jpg"),
    ],
)
def test_guessed_names_are_said(
    client: FlaskClient, desk: Services, codec: str, encoding: str, name: str
) -> None:
    """On the page of the batch; the photos are judged, and the table finds them."""
    archive = made_zip(Made(name.encode(codec), drawn_photo(1)))
    batch_id = sent(client, [(archive, "faces.zip")], f"file,case\n{name},L-2\n".encode())
    assert cases(client, batch_id) == {name: "L-2"}
    assert f"They were read as {encoding}" in client.get(f"/batches/{batch_id}").text
    judge_all(desk, batch_id)
    assert desk.batch_book.find(batch_id).counts == {"estimated": 1}


def test_names_that_are_said_are_not_guessed(client: FlaskClient) -> None:
    """A ZIP that says how its names are encoded needs no word about it."""
    batch_id = sent(client, [(made_zip(Made("张三.jpg".encode(), b"1", flags=UTF8)), "faces.zip")])
    assert "They were read as" not in client.get(f"/batches/{batch_id}").text


def test_declared_dates_go_into_the_estimate(client: FlaskClient, desk: Services) -> None:
    """And into the batch's page and table, with a case or without."""
    rows = "Datei;file;birth_date;photo_date\r\n1;a.jpg;29.02.1980;2020-06-01\r\n2;b.jpg;1980年3月1日;\r\n"
    batch_id = sent(client, [(drawn_photo(1), "a.jpg"), (drawn_photo(2), "b.jpg")], rows.encode("utf-16"))
    judge_all(desk, batch_id)
    found = table(client, batch_id)
    assert [(row["birth_date"], row["photo_date"]) for row in found] == [
        ("1980-02-29", "2020-06-01"),
        ("1980-03-01", ""),
    ]
    declared = [desk.estimates.find(row["record"]).estimate.declared for row in found]
    assert declared == [
        Declaration(None, date(1980, 2, 29), date(2020, 6, 1)),
        Declaration(None, date(1980, 3, 1), None),
    ]
    html = client.get(f"/batches/{batch_id}").text
    assert "1980-02-29" in html
    checked(html)


def test_unknown_columns_are_said(client: FlaskClient) -> None:
    """Who misspells one learns it from the batch's page."""
    batch_id = sent(client, [(b"1", "a.jpg")], b"file,case,birthdate,<b>\na.jpg,L-1,1980-02-29,x\n")
    html = client.get(f"/batches/{batch_id}").text
    assert "CSV columns that were ignored: birthdate, &lt;b&gt;." in html
    checked(html)


def test_all_bad_rows_are_told(client: FlaskClient) -> None:
    """Each with its own reason, and nothing is taken in."""
    rows = b"file,case,birth_date\na.jpg,,02/03/1980\nb.jpg,L-1,1980-13-01\n"
    response = send(client, [(b"1", "a.jpg"), (b"2", "b.jpg")], rows)
    assert response.status_code == 422
    assert "line 2 of the CSV is ambiguous" in response.text
    assert "line 3 of the CSV is not a date" in response.text
    assert "which is not one of the photos" not in response.text


def test_what_is_left_out_is_counted_and_named(client: FlaskClient) -> None:
    """On the page and in the table, of ZIPs and of folders; the page stays short."""
    files = {"__MACOSX/._a.jpg": b"x", "a.jpg": b"1", "notes<i>.txt": b"x", "@eaDir/a.jpg": b"\xff\xd8\xff"}
    batch_id = sent(client, [(zipped(files), "faces.zip"), (b"x", "trip/a.xmp")])
    html = client.get(f"/batches/{batch_id}").text
    assert "4 files were skipped" in html
    for words in (
        "__MACOSX/._a.jpg: system file",
        "notes&lt;i&gt;.txt: not a photo",
        "trip/a.xmp: settings file",
    ):
        assert words in html
    checked(html)
    left = [(row["file"], row["code"]) for row in table(client, batch_id) if row["status"] == "left_out"]
    assert left == [
        ("trip/a.xmp", "sidecar"),
        ("__MACOSX/._a.jpg", "metadata"),
        ("notes<i>.txt", "not_a_photo"),
        ("'@eaDir/a.jpg", "thumbnail"),
    ]
    many = sent(client, [(zipped({"a.jpg": b"1", **{f"{n:03}.txt": b"x" for n in range(150)}}), "a.zip")])
    html = client.get(f"/batches/{many}").text
    assert ("150 files were skipped" in html, "and 50 more" in html, "149.txt" in html) == (
        True,
        True,
        False,
    )


def test_erasing_a_photo_takes_its_dates_and_what_was_left_out(client: FlaskClient, desk: Services) -> None:
    """Names of files beside it may name the person too."""
    files = {"zq31.jpg": drawn_photo(1), "zq31.xmp": b"x", "other.jpg": drawn_photo(2)}
    rows = b"file,case,birth_date,zq32\nzq31.jpg,ERASED-1,1980-02-29,x\n"
    batch_id = sent(client, [(zipped(files), "faces.zip")], rows)
    judge_all(desk, batch_id)
    eraser(desk).case("ERASED-1", "0" * 32)
    text = (
        client.get(f"/batches/{batch_id}").text
        + client.get(f"/batches/{batch_id}/results.csv", buffered=True).text
    )
    assert not [word for word in ("zq31", "zq32", "1980-02-29", "ERASED-1") if word in text]
    assert "other.jpg" in text


@pytest.mark.data
@needs_cases
@pytest.mark.parametrize(
    ("folder", "archive", "rows"),
    [
        ("folder_per_person", "faces.zip", {"anna/1.jpg": "L-5", "bert/1.jpg": "L-6"}),
        ("nfd_names", "faces.zip", {"Müller.jpg": "L-1"}),
        ("gbk_zip", "gbk.zip", {"张三.jpg": "L-2"}),
        ("zip64_small", "one_photo.zip", {"a.jpg": ""}),
        ("blank_page_in_zip", "scans.zip", {"a.jpg": "", "page2.bmp": ""}),
    ],
)
def test_known_cases(
    client: FlaskClient, desk: Services, folder: str, archive: str, rows: dict[str, str]
) -> None:
    """What other programs pack is taken in, every photo with what is declared of it."""
    declared = CASES / folder / "cases.csv"
    parts = [((CASES / folder / archive).read_bytes(), archive)]
    batch_id = sent(client, parts, declared.read_bytes() if declared.exists() else None)
    assert cases(client, batch_id) == rows
    judge_all(desk, batch_id)
    done = {row["file"]: row["status"] for row in table(client, batch_id)}
    assert done == {name: "refused" if name == "page2.bmp" else "estimated" for name in rows}
