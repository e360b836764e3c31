"""Erasure from the page to the last byte on the disk; and that nothing personal reaches a log."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from simsvc.adapters.crypto.fernet_cipher import new_key
from simsvc.errors import AlreadyJudged, EstimateErased, FaceNotFound
from simsvc.flows.audit.verify_log import verify
from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.store.tables import BatchPhotoRow, ErasedEstimateRow, EventContentRow, EventRow, FaceRow
from simsvc.values import DecisionDraft, Declaration, RecordedEstimate
from simsvc.wiring.erasure import eraser
from simsvc.wiring.services import Services
from tests.simsvc.cli.helpers import command_app
from tests.simsvc.web.helpers import checked, judge_all, judge_next
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo, make_small_site

CASE, NAME, NOTE = "CASE-zq17", "portrait-zq18.jpg", "note zq19"
MARKERS = (b"zq17", b"zq18", b"zq19")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    site = make_small_site(tmp_path, faces=15)
    app = command_app(site.model_copy(update={"photo_days": 30, "photo_keys": (new_key(),)}))
    yield app
    app.extensions["simsvc"].database.close()


def judged(desk: Services, seed: int = 5000, case: str = CASE) -> RecordedEstimate:
    declared = Declaration(case, date(1980, 2, 29), date(2020, 6, 1))
    record = estimate(drawn_photo(seed), NAME, desk.pipeline(), declared=declared)
    desk.decisions.add(record.id, DecisionDraft("refer", note=NOTE), "0" * 32, 0, desk.now())
    return record


def on_the_disk(settings: Settings) -> bytes:
    """Return every byte of the installation's files."""
    home = settings.bundle_dir.parent
    return b"".join(path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file())


def intact(desk: Services) -> bool:
    with desk.log.snapshot() as snapshot:
        return verify(snapshot, lambda _done, _total: None).broken is None


def everything(desk: Services) -> str:
    """Return every row of every table as text."""
    with desk.database.reading() as session:
        names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
        rows = [tuple(row) for name in names for row in session.execute(text(f'SELECT * FROM "{name}"'))]  # noqa: S608 - names of our own tables
    return repr(rows)


@dataclass(frozen=True)
class Erased:
    """A case of two records that an admin erased, while a photo of it waited and another case stayed."""

    records: list[RecordedEstimate]
    other: RecordedEstimate
    crop: bytes
    waiting: str
    admin: FlaskClient
    before: bytes
    question: str


@pytest.fixture
def erased(app: Flask, desk: Services) -> Erased:
    records, other = [judged(desk, seed) for seed in (5000, 5001)], judged(desk, 5002, case="OTHER")
    crop = desk.estimates.crop_png(records[0].id)
    waiting = desk.batches.take_in([(NAME, drawn_photo(5003))], NAME, "0" * 32, lambda: {NAME: CASE})
    before, admin = on_the_disk(desk.settings), signed_in(app, "admin")
    question = admin.get(f"/erase/cases/{CASE}").text
    response = admin.post(f"/erase/cases/{CASE}", data={"confirmed": "1"})
    assert (response.status_code, response.headers["Location"]) == (303, "/history")
    return Erased(records, other, crop, waiting, admin, before, question)


def test_what_erasing_a_case_takes_is_counted_before(erased: Erased) -> None:
    """The page says how many records and entries of batches go; the receipt is shown afterwards."""
    assert "2 records" in erased.question
    assert "1 batch entry" in erased.question
    checked(erased.question)
    assert "The receipt is event" in erased.admin.get("/history").text


def test_an_erased_case_is_in_no_table(erased: Erased, desk: Services) -> None:
    """Its names are in no row but for those that another case shares."""
    found = everything(desk)
    assert "zq17" not in found
    assert found.count("zq18") == everything_of(erased.other, desk).count("zq18")


def test_an_erased_case_is_in_no_file(erased: Erased, desk: Services) -> None:
    """Its name and crops are gone to the last byte, and no photo of it waits."""
    left = on_the_disk(desk.settings)
    assert all(marker in erased.before for marker in MARKERS)
    assert CASE.encode() not in left
    assert erased.crop not in left
    assert erased.crop[60:160] not in left
    assert list((desk.settings.batch_dir / "waiting").rglob("0*")) == []
    assert not judge_next(desk, erased.waiting)


def test_an_erased_case_is_on_no_page(erased: Erased, desk: Services) -> None:
    """Its records are named as erased, its crops and the case are not found."""
    for record in erased.records:
        with pytest.raises(EstimateErased):
            desk.estimates.find(record.id)
        assert erased.admin.get(f"/estimates/{record.id}").status_code == 410
        assert erased.admin.get(f"/estimates/{record.id}/crop.png").status_code == 404
    assert erased.admin.get(f"/cases/{CASE}").status_code == 404


def test_an_erasure_leaves_log_and_other_cases(erased: Erased, desk: Services) -> None:
    """The log verifies, and the other case is there."""
    assert intact(desk)
    assert desk.estimates.find(erased.other.id).estimate.declared.case == "OTHER"


def everything_of(record: RecordedEstimate, desk: Services) -> str:
    """Return what tables hold of the marker because of one record that was not erased."""
    with desk.database.reading() as session:
        contents = session.scalars(
            select(EventContentRow.content)
            .join(EventRow, EventRow.seq == EventContentRow.seq)
            .where(EventRow.subject == f"estimate:{record.id}")
        ).all()
    return repr([record.estimate.photo_name, *contents])


def test_the_last_erasure_leaves_no_name_at_all(desk: Services) -> None:
    """With the only case erased, no marker is left in any byte of the installation."""
    record = judged(desk)
    batch = desk.batches.take_in([(NAME, drawn_photo(5003))], NAME, "0" * 32, lambda: {NAME: CASE})
    judge_all(desk, batch)
    eraser(desk).case(CASE, "command")
    left = on_the_disk(desk.settings)
    assert [marker for marker in MARKERS if marker in left] == []
    assert record.estimate.photo_sha256.encode() not in left
    assert intact(desk)


def test_the_receipt_counts_and_names_nobody(desk: Services) -> None:
    """One event with numbers and random ids; its subject has no case reference."""
    record = judged(desk)
    receipt = eraser(desk).case(CASE, "user:" + "1" * 32)
    with desk.database.reading() as session:
        event = session.get(EventRow, receipt.event)
        content = session.get(EventContentRow, receipt.event)
        stone = session.get(ErasedEstimateRow, record.id)
    assert event is not None
    assert content is not None
    assert stone is not None
    assert (event.kind, event.subject, event.actor) == ("erasure", "case", "user:" + "1" * 32)
    assert '"crops":1,"decisions":1' in content.content
    assert '"photos":1' in content.content
    assert not any(marker.decode() in content.content for marker in MARKERS)


def test_one_estimate_is_erased_alone(app: Flask, desk: Services) -> None:
    """The others of its case stay; a second time it is gone already."""
    record, other = judged(desk), judged(desk, 5001)
    admin = signed_in(app, "admin")
    assert f'href="/erase/estimates/{record.id}"' in admin.get(f"/estimates/{record.id}").text
    checked(admin.get(f"/erase/estimates/{record.id}").text)
    assert admin.post(f"/erase/estimates/{record.id}", data={"confirmed": "1"}).status_code == 303
    assert admin.post(f"/erase/estimates/{record.id}", data={"confirmed": "1"}).status_code == 404
    assert admin.get(f"/erase/estimates/{record.id}").status_code == 410
    assert [found.id for found in desk.estimates.of_case(CASE)] == [other.id]
    assert intact(desk)


@pytest.mark.parametrize("kind", ["estimates", "cases"])
def test_nothing_is_erased_unless_it_is_confirmed(app: Flask, desk: Services, kind: str) -> None:
    """A form without the tick comes back with a sentence, and everything is there still."""
    record = judged(desk)
    admin = signed_in(app, "admin")
    response = admin.post(f"/erase/{kind}/{record.id if kind == 'estimates' else CASE}")
    assert response.status_code == 422
    assert "Nothing was erased" in response.text
    checked(response.text)
    assert desk.estimates.find(record.id).id == record.id


@pytest.mark.parametrize("role", ["underwriter", "auditor"])
def test_only_admins_are_offered_it(app: Flask, desk: Services, role: str) -> None:
    """Others see no link, neither on the record nor on the case."""
    record = judged(desk)
    client: FlaskClient = signed_in(app, role)  # type: ignore[arg-type]  # one of the roles
    for address in (f"/estimates/{record.id}", f"/cases/{CASE}"):
        assert "/erase/" not in client.get(address).text
        assert "/erase/" in signed_in(app, "admin").get(address).text


def test_the_page_speaks_chinese(app: Flask, desk: Services) -> None:
    """The confirming page is translated throughout."""
    judged(desk)
    admin = signed_in(app, "admin")
    admin.set_cookie("language", "zh_Hans")
    html = admin.get(f"/erase/cases/{CASE}").text
    assert "删除案件" in html
    main = re.sub(r"<[^>]*>", " ", html.split("<main")[1].split("<footer")[0])
    assert not re.search(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}", main)


def test_a_photo_that_is_being_judged_is_erased_too(desk: Services) -> None:
    """Erased while it waits, a batch's photo is never put on record."""
    batch = desk.batches.take_in(
        [(NAME, drawn_photo(5000)), ("b.jpg", drawn_photo(5001))], "x.zip", "0" * 32, lambda: {NAME: CASE}
    )
    recorder = desk.batch_book.recorder(batch, 0)
    eraser(desk).case(CASE, "command")
    with pytest.raises(AlreadyJudged):
        estimate(drawn_photo(5000), NAME, replace(desk.pipeline(), recorder=recorder))
    judge_all(desk, batch)
    with desk.database.reading() as session:
        rows = session.execute(select(BatchPhotoRow.photo_name, BatchPhotoRow.status)).all()
    assert [tuple(row) for row in rows] == [("erased", "failed"), ("b.jpg", "estimated")]


def nearest(desk: Services) -> set[str]:
    """Return the faces that a new estimate of the same photo shows."""
    return {near.face_id for near in judged(desk).estimate.neighbours}


def test_an_erased_face_is_in_no_answer_and_no_page(app: Flask, desk: Services) -> None:
    """Gone from answers and pictures at once; the operator is told which build's files hold it."""
    record = judged(desk)
    face_id, label = record.estimate.neighbours[0].face_id, desk.shelf.current() or ""
    admin, run = signed_in(app, "admin"), app.test_cli_runner().invoke
    assert admin.get(f"/faces/{label}/{face_id}.jpg").status_code == 200
    assert label in run(args=["erase", "face", face_id, "--yes"]).output
    assert face_id not in nearest(desk)
    assert admin.get(f"/faces/{label}/{face_id}.jpg").status_code == 404
    assert admin.get(f"/estimates/{record.id}").status_code == 200
    assert run(args=["erase", "face", face_id, "--yes"]).exit_code == 1


def test_an_erased_face_is_in_no_later_build(app: Flask, desk: Services) -> None:
    """The next build's files do not hold it, and a switch back to the old one does not put it back."""
    face_id, label = judged(desk).estimate.neighbours[0].face_id, desk.shelf.current() or ""
    reference = desk.gallery(label).face(face_id).reference
    run = app.test_cli_runner().invoke
    for words in (["erase", "face", face_id, "--yes"], ["index", "build", "--name", "demo", "--use"]):
        assert run(args=words).exit_code == 0
    built = desk.shelf.root / (desk.shelf.current() or "")
    assert reference.encode() not in b"".join(path.read_bytes() for path in built.iterdir())
    assert run(args=["index", "use", label]).exit_code == 0
    assert face_id not in nearest(desk)
    with desk.database.reading() as session:
        assert session.get(FaceRow, face_id) is None
    with pytest.raises(FaceNotFound):
        desk.gallery(label).thumbnail(face_id)
    assert intact(desk)


def test_a_command_asks_before_it_erases(app: Flask, desk: Services) -> None:
    """Answered with no, it leaves everything; with yes, it prints the receipt's number."""
    record = judged(desk)
    run = app.test_cli_runner().invoke
    assert run(args=["erase", "estimate", record.id], input="n\n").exit_code == 1
    assert desk.estimates.find(record.id).id == record.id
    assert "receipt is event" in run(args=["erase", "estimate", record.id], input="y\n").output
    assert "no estimate" in run(args=["erase", "estimate", record.id, "--yes"]).output
    assert "No estimate has this case" in run(args=["erase", "case", "none", "--yes"]).output


def test_nothing_personal_reaches_the_logs(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file name, case, note and even a failing database leave no trace in what the service logs."""
    caplog.set_level(logging.DEBUG)
    client = signed_in(app)
    form = {"photo": (io.BytesIO(drawn_photo()), NAME), "case": CASE}
    shown = client.post("/estimates", data=form).headers["Location"]
    client.post(f"{shown}/decisions", data={"kind": "refer", "note": NOTE, "after": "0"})
    client.get(f"/history?case={CASE}")
    client.get(f"/cases/{CASE}")
    desk: Services = app.extensions["simsvc"]
    with desk.database.transaction() as session:
        session.execute(text("DROP TABLE crops"))
    form = {"photo": (io.BytesIO(drawn_photo()), NAME), "case": CASE}
    assert client.post("/estimates", data=form).status_code == 503
    monkeypatch.setattr("simsvc.store.records.estimates.EstimateStore.find", lambda *_: 1 / 0)
    client.get(shown)
    logged = "\n".join(caplog.handler.format(record) for record in caplog.records)
    assert "failed" in logged, "the defect itself is logged"
    assert [marker for marker in MARKERS if marker.decode() in logged] == []
