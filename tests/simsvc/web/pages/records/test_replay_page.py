from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from simsvc.adapters.crypto.fernet_cipher import new_key
from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.values import RecordedEstimate
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo

PHOTO = drawn_photo(5100)
AGREES, DIFFERS = "The replay agrees with the record", "The replay does not agree with the record"


@pytest.fixture
def auditor(app: Flask) -> FlaskClient:
    return signed_in(app, "auditor")


@pytest.fixture
def record(desk: Services) -> RecordedEstimate:
    return estimate(PHOTO, "a.jpg", desk.pipeline())


def sent(data: bytes) -> dict[str, object]:
    return {"photo": (io.BytesIO(data), "a.jpg")}


def test_the_record_leads_to_its_replay(app: Flask, auditor: FlaskClient, record: RecordedEstimate) -> None:
    """Auditors are offered it, underwriters are not."""
    link = f'href="/estimates/{record.id}/replay"'
    assert link in auditor.get(f"/estimates/{record.id}").text
    assert link not in signed_in(app).get(f"/estimates/{record.id}").text


def test_a_replay_from_the_face_crop_agrees(auditor: FlaskClient, record: RecordedEstimate) -> None:
    """Without the photo, age, range and all faces are the recorded ones, and the page says what it used."""
    before = auditor.get(f"/estimates/{record.id}/replay").text
    assert "The photo is not stored." in before
    html = auditor.post(f"/estimates/{record.id}/replay").text
    assert checked(html).inline == []
    assert AGREES in html
    assert "Replayed from the recorded face crop." in html
    assert html.count("same face") == len(record.estimate.neighbours)


def test_a_replay_from_the_sent_photo_agrees(
    auditor: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """The original file is taken and compared, and the log notes who replayed what."""
    html = auditor.post(f"/estimates/{record.id}/replay", data=sent(PHOTO)).text
    assert AGREES in html
    assert "Replayed from the photo you sent." in html
    with desk.log.snapshot() as snapshot:
        last = snapshot.after(snapshot.count() - 1)[0].event
    assert (last.kind, last.subject) == ("replay", f"estimate:{record.id}")


def test_another_photo_is_refused(auditor: FlaskClient, record: RecordedEstimate) -> None:
    """The field says what is wrong, and nothing is replayed."""
    response = auditor.post(f"/estimates/{record.id}/replay", data=sent(drawn_photo(5101)))
    assert response.status_code == 422
    assert 'id="photo-error"' in response.text
    assert AGREES not in response.text


def test_a_changed_record_does_not_agree(
    auditor: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """What differs is marked, and what does not is not."""
    change = text("UPDATE estimates SET age_years = age_years + 5 WHERE public_id = :id")
    with desk.database.transaction() as session:
        session.execute(change, {"id": record.id})
    html = auditor.post(f"/estimates/{record.id}/replay").text
    assert DIFFERS in html
    assert html.count("> differs<") == 1


def test_a_record_without_photo_and_crop_needs_the_file(auditor: FlaskClient, desk: Services) -> None:
    """A refused photo has no crop: the page asks for the file, with which the refusal is replayed."""
    refused = estimate(b"no photo", "letter.txt", desk.pipeline())
    path = f"/estimates/{refused.id}/replay"
    assert "Neither the photo nor a face crop is stored." in auditor.get(path).text
    assert auditor.post(path).status_code == 409
    html = auditor.post(path, data=sent(b"no photo")).text
    assert AGREES in html
    assert "not_an_image" in html


def test_a_stored_photo_is_replayed(site: Settings, tmp_path: Path) -> None:
    """Where photos are kept, it starts from the photo, not from the crop."""
    url, keys = sqlite_database(tmp_path / "kept.sqlite3"), (new_key(),)
    app = create_app(site.model_copy(update={"database_url": url, "photo_days": 3, "photo_keys": keys}))
    desk: Services = app.extensions["simsvc"]
    record = estimate(PHOTO, "a.jpg", desk.pipeline())
    html = signed_in(app, "auditor").post(f"/estimates/{record.id}/replay").text
    desk.database.close()
    assert AGREES in html
    assert "Replayed from the stored photo." in html


@pytest.fixture
def app_without_model(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(site.model_copy(update={"model_root": tmp_path / "models"}))
    yield app
    app.extensions["simsvc"].database.close()


def test_a_model_that_is_gone_is_named(app_without_model: Flask, record: RecordedEstimate) -> None:
    """The page says what is missing, before and after the attempt."""
    auditor, path = signed_in(app_without_model, "auditor"), f"/estimates/{record.id}/replay"
    assert "The model of the record is no longer kept." in auditor.get(path).text
    response = auditor.post(path)
    assert response.status_code == 410
    assert "is no longer kept" in response.text
