from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.errors import AlreadyJudged
from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.handmade_zips import named_nine_times
from tests.helpers import zipped
from tests.simsvc.web.helpers import Files, checked, judge_all, judge_next, send, sent, table, waiting_files
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo


@pytest.fixture
def app(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(site.model_copy(update={"batch_dir": tmp_path / "batches"}))
    yield app
    app.extensions["simsvc"].database.close()


@pytest.fixture
def judged(client: FlaskClient, desk: Services) -> str:
    """Send a ZIP of three files, one of them no photo, with a table of cases; return the judged batch."""
    files = {"in/a.jpg": drawn_photo(1), "in/b.jpg": b"no photo", "c.jpg": drawn_photo(2)}
    files["cases.csv"] = b"file,case\na.jpg,Z-1\nc.jpg,Z-3\n"
    batch_id = sent(client, [(zipped(files), "photos.zip")])
    assert "0 of 3 done" in client.get(f"/batches/{batch_id}").text
    judge_all(desk, batch_id)
    return batch_id


def test_a_zip_with_cases_becomes_a_table(client: FlaskClient, judged: str) -> None:
    """Cases come from the table in the ZIP, refusals are results."""
    rows = table(client, judged)
    assert [(row["file"], row["case"], row["status"]) for row in rows] == [
        ("a.jpg", "Z-1", "estimated"),
        ("b.jpg", "", "refused"),
        ("c.jpg", "Z-3", "estimated"),
    ]
    assert "not a photo" in rows[1]["sentence"]


def test_a_photo_of_a_batch_gets_a_record(client: FlaskClient, desk: Services, judged: str) -> None:
    """The record has the photo's name, who sent it and its case; the table has its age."""
    row, asked_by = table(client, judged)[0], desk.users.named("underwriter")
    record = desk.estimates.find(row["record"]).estimate
    assert asked_by is not None
    assert (record.photo_name, record.asked_by) == ("a.jpg", asked_by.id)
    assert row["record"] in {found.id for found in desk.estimates.of_case("Z-1")}
    assert f"{record.age_years:.2f}" == row["age_years"]


def test_the_page_of_a_batch_leads_to_its_records(client: FlaskClient, judged: str) -> None:
    """It says that all are done."""
    html = client.get(f"/batches/{judged}").text
    assert "3 of 3 done" in html
    assert f'/estimates/{table(client, judged)[0]["record"]}"' in html
    checked(html)


def test_several_files_and_a_table_of_their_own(client: FlaskClient, desk: Services) -> None:
    """Without a ZIP it is the same; photos without a row have no case."""
    photos = [(drawn_photo(1), "a.jpg"), (drawn_photo(2), "b.jpg")]
    batch_id = sent(client, photos, b"file;case\nb.jpg;L-2\n")
    assert [row["case"] for row in table(client, batch_id)] == ["", "L-2"]
    assert [photo.status for photo in desk.batch_book.photos(batch_id)] == ["waiting"] * 2


def test_a_folder_brings_its_own_table(client: FlaskClient, desk: Services) -> None:
    """Names come with their folder; its table is no photo, and what systems put there is named."""
    folder = [
        (drawn_photo(1), "trip/a.jpg"),
        (b"file,case\na.jpg,L-4\n", "trip/cases.csv"),
        (b"x", "trip/.DS_Store"),
        (drawn_photo(2), "trip/deep/b.jpg"),
    ]
    batch_id = sent(client, folder)
    assert [(row["file"], row["case"], row["status"]) for row in table(client, batch_id)] == [
        ("a.jpg", "L-4", "waiting"),
        ("b.jpg", "", "waiting"),
        ("trip/.DS_Store", "", "left_out"),
    ]
    assert desk.batch_book.find(batch_id).name == "trip"


def test_photos_are_deleted_once_they_are_judged(client: FlaskClient, desk: Services) -> None:
    """What waits is on the disk, and after the last one nothing is."""
    batch_id = sent(client, [(drawn_photo(1), "a.jpg"), (drawn_photo(2), "b.jpg")])
    assert len(waiting_files(desk)) == 2
    assert judge_next(desk, batch_id)
    assert len(waiting_files(desk)) == 1
    judge_all(desk, batch_id)
    assert waiting_files(desk) == []


@pytest.mark.parametrize(
    ("photos", "cases", "status", "words"),
    [
        ([], None, 422, "No photos were received"),
        ([(zipped({}), "a.zip")], None, 422, "No photos were received"),
        ([(zipped({"x/": b""}), "a.zip")], None, 422, "No photos were received"),
        ([(b"PK\x03\x04 cut", "a.zip")], None, 422, "damaged"),
        ([(zipped({"../a.jpg": b"1"}), "a.zip")], None, 422, "A name in the ZIP points outside it"),
        ([(named_nine_times(drawn_photo(1)), "a.zip")], None, 422, "so nothing was extracted"),
        (
            [(zipped({"notes.txt": b"x"}), "a.zip")],
            None,
            422,
            "None of the files is a photo",
        ),
        ([(b"see the file", "trip/notes.txt")], None, 422, "“trip/notes.txt”"),
        ([(b"1", "a.jpg")], zipped({"[Content_Types].xml": b"x"}), 422, "The file is a spreadsheet"),
        ([(zipped({"a.jpg": zipped({"b": b"1"})}), "a.zip")], None, 422, "another archive"),
        ([(b"1", "a.jpg")], b"nonsense", 422, "must name the columns"),
        ([(b"1", "a.jpg")], b"file,case\nz.jpg,L-1\n", 422, "which is not one of the photos"),
        (
            [(zipped({"a.jpg": b"1", "b.csv": b"file,case\n"}), "a.zip")],
            b"file,case\n",
            422,
            "more than one CSV",
        ),
        ([(b"1", "a.jpg")], b"x" * 1_000_001, 422, "The CSV is too large for a table of case references"),
    ],
)
def test_what_cannot_be_a_batch_is_told_and_leaves_nothing(
    client: FlaskClient, desk: Services, photos: Files, cases: bytes | None, status: int, words: str
) -> None:
    """The sentence stands above the form; no batch is on record and no photo on the disk."""
    before = len(desk.batch_book.page(0, 1000))
    response = send(client, photos, cases)
    assert response.status_code == status
    assert words in response.text
    assert 'name="photos"' in response.text
    assert len(desk.batch_book.page(0, 1000)) == before
    assert waiting_files(desk) == []


@pytest.mark.parametrize("name", ["notes.txt", "scan", "list.xlsx", "photos.rar"])
def test_a_file_chosen_by_itself_gets_a_row(client: FlaskClient, desk: Services, name: str) -> None:
    """Whoever picks a file learns why it is not judged; in folders and ZIPs it would be left out."""
    data = zipped({"[Content_Types].xml": b"x"}) if name == "list.xlsx" else b"Rar!\x1a\x07\x00..."
    batch_id = sent(client, [(data, name)])
    judge_all(desk, batch_id)
    assert [(row["file"], row["status"]) for row in table(client, batch_id)] == [(name, "refused")]


def test_too_many_photos_are_told(
    client: FlaskClient, desk: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more than the most is refused as a whole."""
    monkeypatch.setattr("simsvc.flows.estimates.batch.MOST_PHOTOS", 10)
    response = send(client, [(zipped({f"{n}.jpg": b"1" for n in range(11)}), "a.zip")])
    assert (response.status_code, "more than 10 photos" in response.text) == (413, True)
    assert waiting_files(desk) == []


def test_an_upload_beyond_the_bound_is_told(site: Settings, tmp_path: Path) -> None:
    """The bound is that of batches, not of single photos, and the sentence says what to do."""
    settings = site.model_copy(
        update={"batch_dir": tmp_path, "max_batch_bytes": 400_000, "max_upload_bytes": 1_000}
    )
    client = signed_in(create_app(settings))
    sent(client, [(b"1" * 300_000, "a.jpg")])
    response = send(client, [(b"1" * 500_000, "a.jpg")])
    assert (response.status_code, "Upload the photos in several batches" in response.text) == (413, True)


def test_a_photo_with_too_many_bytes_is_refused_by_itself(site: Settings, tmp_path: Path) -> None:
    """The others are judged; no record is made of what was not read."""
    app = create_app(site.model_copy(update={"batch_dir": tmp_path, "max_upload_bytes": 50_000}))
    client = signed_in(app)
    big = drawn_photo(1) + bytes(range(256)) * 200
    batch_id = sent(client, [(big, "big.jpg"), (drawn_photo(2), "ok.jpg")])
    judge_all(app.extensions["simsvc"], batch_id)
    rows = table(client, batch_id)
    assert [(row["status"], row["code"], bool(row["record"])) for row in rows] == [
        ("refused", "photo_too_many_bytes", False),
        ("estimated", "", True),
    ]


HOSTILE = '=cmd|"/c calc"!A1<script>alert(1)</script>.jpg'


def test_hostile_names_and_cases_are_harmless(client: FlaskClient, desk: Services) -> None:
    """Pages escape them; the CSV has no cell that begins a formula."""
    photos = [(drawn_photo(1), "=1+1.jpg"), (b"x", "<script>alert(1)<script>.jpg")]
    batch_id = sent(client, photos, b'file,case\n=1+1.jpg,"@SUM(1,<b>)"\n')
    judge_all(desk, batch_id)
    html = client.get(f"/batches/{batch_id}").text
    assert "<script>alert" not in html
    assert "<b>" not in html
    row = table(client, batch_id)[0]
    assert (row["file"], row["case"]) == ("'=1+1.jpg", "'@SUM(1,<b>)")
    inside = sent(client, [(zipped({HOSTILE: b"x"}), "<i>.zip")])
    for path in ("/batches", f"/batches/{inside}"):
        html = client.get(path).text
        assert "<i>" not in html
        assert "<script>alert" not in html


def test_a_photo_is_judged_exactly_once(client: FlaskClient, desk: Services) -> None:
    """The slower of two workers with the same photo leaves no record."""
    batch_id = sent(client, [(drawn_photo(1), "a.jpg")])
    slower = replace(desk.pipeline(), recorder=desk.batch_book.recorder(batch_id, 0, "slower"))
    judge_all(desk, batch_id)
    done = desk.batch_book.photos(batch_id)[0]
    assert done.estimate_id is not None
    number = desk.estimates.find(done.estimate_id).number
    with pytest.raises(AlreadyJudged):
        estimate(drawn_photo(1), "a.jpg", slower)
    assert desk.batch_book.photos(batch_id)[0] == done
    assert estimate(drawn_photo(1), "next.jpg", desk.pipeline()).number == number + 1


def test_without_an_index_photos_wait(site: Settings, tmp_path: Path) -> None:
    """Nothing is refused for what the operator can mend; the page says so, and then it goes on."""
    broken = create_app(
        site.model_copy(update={"batch_dir": tmp_path / "b", "index_root": tmp_path / "none"})
    )
    client, desk = signed_in(broken), broken.extensions["simsvc"]
    batch_id = sent(client, [(drawn_photo(1), "a.jpg")])
    for _ in range(5):
        assert not judge_next(desk, batch_id)
    html = client.get(f"/batches/{batch_id}").text
    assert "There is no index yet" in html
    assert "nothing is lost" in html
    mended = create_app(site.model_copy(update={"batch_dir": tmp_path / "b"})).extensions["simsvc"]
    judge_all(mended, batch_id)
    assert mended.batch_book.find(batch_id).counts == {"estimated": 1}
    assert "There is no index yet" not in client.get(f"/batches/{batch_id}").text


def test_a_photo_that_ends_the_worker_is_given_up(client: FlaskClient, desk: Services) -> None:
    """After three begun attempts it has failed, and the others were judged before."""
    batch_id = sent(client, [(drawn_photo(1), "deadly.jpg"), (drawn_photo(2), "fine.jpg")])
    first = desk.batch_book.find(batch_id).number - 1
    begun = []
    for _ in range(6):
        begun.append(desk.batch_book.begin_next("dies", desk.now(), 30, after=first))
        desk.batch_book.release("dies")
    assert [leased.photo.position for leased in begun if leased] == [0, 1] * 3
    judge_all(desk, batch_id)
    assert [row["code"] for row in table(client, batch_id)] == ["not_judged"] * 2


def test_a_photo_that_is_gone_is_told(client: FlaskClient, desk: Services) -> None:
    """A file that somebody deleted is a failed photo, not a worker that stops."""
    batch_id = sent(client, [(drawn_photo(1), "a.jpg")])
    desk.waiting_room.clear(batch_id)
    judge_all(desk, batch_id)
    assert table(client, batch_id)[0]["code"] == "photo_lost"


def test_the_page_follows_without_script(client: FlaskClient, desk: Services) -> None:
    """While photos wait the page reloads itself, and no longer when all are done."""
    batch_id = sent(client, [(drawn_photo(1), "a.jpg")])
    assert re.search(r'<noscript><meta http-equiv="refresh"', client.get(f"/batches/{batch_id}").text)
    judge_all(desk, batch_id)
    assert "http-equiv" not in client.get(f"/batches/{batch_id}").text


def test_long_lists_have_pages(client: FlaskClient, desk: Services) -> None:
    """Fifty photos a page, twenty-five batches a page, and no page beyond the last."""
    batch_id = sent(client, [(zipped({f"{n:03}.jpg": b"1" for n in range(70)}), "many.zip")])
    second = client.get(f"/batches/{batch_id}?page=2").text
    assert ("050.jpg" in second, "049.jpg" in second) == (True, False)
    assert client.get(f"/batches/{batch_id}?page=99").status_code == 200
    assert client.get(f"/batches/{batch_id}?page=-5").status_code == 200
    for _ in range(26):
        sent(client, [(b"1", "a.jpg")])
    assert 'href="?page=2"' in client.get("/batches").text
    assert "many.zip" in client.get("/batches?page=2").text
    assert len(desk.batch_book.unfinished()) >= 27


def test_an_auditor_reads_and_sends_nothing(app: Flask, client: FlaskClient) -> None:
    """Auditors see every batch and no form."""
    batch_id = sent(client, [(drawn_photo(1), "a.jpg")])
    auditor = signed_in(app, "auditor")
    assert 'type="file"' not in auditor.get("/batches").text
    assert "a.jpg" in auditor.get(f"/batches/{batch_id}").text
    assert send(auditor, [(b"1", "a.jpg")]).status_code == 403
