from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from secrets import token_hex

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image, ImageEnhance

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.desk.same_person import MEASURED_MODEL_SHA256
from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings, load_settings
from simsvc.values import Crop, DecisionDraft, Declaration, Estimate, RecordedEstimate
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.simsvc.web.helpers import checked, judge_all
from tests.simsvc.web.programs import bearer
from tests.simsvc.web.records import recorded
from tests.simsvc.web.signed_in import account, client_of, signed_in
from tests.small_site import drawn_photo

BORN, TAKEN = date(1990, 5, 4), date(2024, 6, 1)


@pytest.fixture(scope="module")
def app(open_site: Settings) -> Iterator[Flask]:
    app = create_app(open_site)
    yield app
    app.extensions["simsvc"].database.close()


def judged(desk: Services, seed: int, case: str | None, born: date | None = BORN) -> RecordedEstimate:
    """Record one drawn face; the same seed is the same photo."""
    return estimate(
        drawn_photo(seed), f"{seed}.jpg", desk.pipeline(), declared=Declaration(case, born, TAKEN)
    )


def decided(desk: Services, record: RecordedEstimate, kind: str, by: str) -> None:
    draft = DecisionDraft("override", 34, "passport") if kind == "override" else DecisionDraft("accept")
    desk.decisions.add(record.id, draft, by, len(desk.decisions.of(record.id)), desk.now())


def test_a_case_says_what_is_decided_and_leads_to_the_next(app: Flask, desk: Services) -> None:
    """Each photo has its decision with who made it; undecided ones are named, the first one is linked."""
    first, second, third = (judged(desk, seed, "decisions/1") for seed in (2001, 2002, 2003))
    decided(desk, first, "accept", account(app, "underwriter").id)
    html = signed_in(app).get("/cases/decisions/1").text
    assert re.search(
        rf"Record {first.number}</a>:\s*<strong>plausible</strong>\s*<span[^>]*>underwriter", html
    )
    assert "2 photos are undecided." in html
    assert f'href="/estimates/{second.id}#decision">Decide record {second.number}</a>' in html
    assert f"Record {third.number}" in html
    assert checked(html).inline == []
    assert "Decide record" not in signed_in(app, "auditor").get("/cases/decisions/1").text


def test_the_timeline_tells_what_happened_with_its_events(app: Flask, desk: Services) -> None:
    """Estimates, decisions and exports stand in their order, each with who and which event."""
    client, by = signed_in(app), account(app, "underwriter").id
    record = judged(desk, 2004, "timeline/1")
    judged(desk, 2005, "timeline/1")
    decided(desk, record, "accept", by)
    decided(desk, record, "override", by)
    client.get(f"/estimates/{record.id}/record.pdf", buffered=True)
    client.get("/reports/cases/timeline/1", buffered=True).get_data()
    html = client.get("/cases/timeline/1").text
    shown = html[html.index('id="timeline-heading"') :]
    said = (
        "Received and estimated",
        "Decided: plausible",
        "Decided: not plausible, assessed age 34 (replaces decision 1)",
        "Exported as PDF",
        "Case report exported as PDF",
    )
    places = [shown.index(words) for words in said]
    assert places == sorted(places)
    with desk.log.snapshot() as snapshot:
        last = snapshot.last()
    assert last is not None
    assert f"underwriter, events {last.seq - 1} to {last.seq}" in shown


def test_the_photos_of_a_batch_were_received_in_it(app: Flask, desk: Services) -> None:
    """The upload of the batch is the first entry, by who sent it."""
    sender = account(app, "underwriter").id
    photos = [("a.jpg", drawn_photo(2006))]
    batch = desk.batches.take_in(iter(photos), "a.jpg", sender, lambda: {"a.jpg": "batched/1"})
    judge_all(desk, batch)
    number = desk.batch_book.find(batch).number
    html = signed_in(app).get("/cases/batched/1").text
    assert html.index(f"Received in batch {number}") < html.index("Received and estimated")


def test_the_same_photo_in_another_case_is_said_on_both(app: Flask, desk: Services) -> None:
    """Case page and result name the other case and its record, also for a photo without a case."""
    client = signed_in(app)
    here, there = judged(desk, 2007, "same/here"), judged(desk, 2007, "same/there")
    for address in ("/cases/same/here", f"/estimates/{here.id}"):
        html = client.get(address).text
        assert "also uploaded to another case" in html
        assert f'href="/estimates/{there.id}">record {there.number}</a>' in html
    alone = judged(desk, 2007, None)
    assert f"record {alone.number}" in client.get("/cases/same/there").text
    assert "also uploaded" not in client.get(f"/estimates/{judged(desk, 2008, 'same/here').id}").text


def test_contradicting_birth_dates_leave_no_verdict(app: Flask, desk: Services) -> None:
    """Two birth dates are named with their records, and nobody can tell whether the age fits."""
    judged(desk, 2009, "born/2", date(1980, 1, 1))
    judged(desk, 2010, "born/2", date(1990, 1, 1))
    html = signed_in(app).get("/cases/born/2").text
    assert "Different birth dates are declared in this case: 1980-01-01 and 1990-01-01." in html
    assert 'class="badge-verdict cannot-tell"' in html[: html.index("photos-heading")]


def send(client: FlaskClient, **fields: str) -> tuple[int, str]:
    data = {"photo": (io.BytesIO(drawn_photo(2011)), "new.jpg"), **fields}
    answer = client.post("/estimates", data=data, content_type="multipart/form-data")
    return answer.status_code, answer.text


def test_contradicting_dates_are_confirmed_before_anything_is_recorded(app: Flask, desk: Services) -> None:
    """The form comes back as typed with a box; ticked, the photo goes into the case."""
    client = signed_in(app)
    judged(desk, 2012, "confirm/1")
    typed = {"case": "confirm/1", "born": "1991-05-04", "taken": "2024-06-01"}
    status, html = send(client, **typed)
    assert status == 422
    assert "1990-05-04 and 1991-05-04" in html
    assert all(f'value="{text}"' in html for text in typed.values())
    assert re.search(r'id="confirm-dates">\s*<input[^>]*name="confirmed"', html)
    assert len(desk.estimates.of_case("confirm/1")) == 1
    assert send(client, **typed, confirmed="1")[0] == 303
    assert len(desk.estimates.of_case("confirm/1")) == 2


def test_agreeing_dates_ask_nothing(app: Flask, desk: Services) -> None:
    """The same birth date and a photo date of the same years are recorded at once; the box is hidden."""
    judged(desk, 2013, "agree/1")
    client = signed_in(app)
    assert send(client, case="agree/1", born="1990-05-04", taken="2020-01-01")[0] == 303
    assert 'id="confirm-dates" hidden' in client.get("/estimates").text


def test_the_birth_date_of_a_case_is_carried_over(app: Flask, desk: Services) -> None:
    """The form for another photo has it; with two in the case, or one typed already, it has not."""
    client = signed_in(app)
    judged(desk, 2014, "carried/1")
    assert 'name="born" type="date" value="1990-05-04"' in client.get("/estimates?case=carried/1").text
    assert (
        'name="born" type="date" value="1970-01-01"'
        in client.get("/estimates?case=carried/1&born=1970-01-01").text
    )
    judged(desk, 2015, "carried/1", date(1980, 1, 1))
    assert 'name="born" type="date" value=""' in client.get("/estimates?case=carried/1").text


def test_programs_read_a_case(app: Flask, desk: Services) -> None:
    """Verdict, photos with decisions and other uploads, contradictions and timeline are in the answer."""
    record = judged(desk, 2016, "api/1")
    judged(desk, 2016, "api/other")
    judged(desk, 2017, "api/1", date(1980, 1, 1))
    decided(desk, record, "accept", "0" * 32)
    answer = app.test_client().get("/api/v1/cases/api/1/summary", headers=bearer(app, "audit"))
    found = answer.get_json()
    assert (answer.status_code, found["case"], found["verdict"]) == (200, "api/1", "cannot_tell")
    assert found["undecided"] == 1
    first, second = found["photos"]
    assert first["decision"]["kind"] == "accept"
    assert [upload["case"] for upload in first["other_uploads"]] == ["api/other"]
    numbers = [first["number"], second["number"]]
    assert [(one["kind"], one["numbers"]) for one in found["contradictions"]] == [("births_differ", numbers)]
    assert [entry["numbers"] for entry in found["timeline"]] == [numbers[:1], numbers[1:], numbers[:1]]


def test_a_photo_uploaded_many_times_is_counted(app: Flask) -> None:
    """The oldest other records are named, and the rest only counted: the answer does not grow squarely."""
    photo = token_hex(32)
    for _ in range(9):
        recorded(app, "nobody", "api/many", photo)
    answer = app.test_client().get("/api/v1/cases/api/many/summary", headers=bearer(app, "audit"))
    photos = answer.get_json()["photos"]
    named = [[upload["number"] for upload in photo["other_uploads"]] for photo in photos]
    numbers = [photo["number"] for photo in photos]
    assert {photo["other_uploads_count"] for photo in photos} == {8}
    assert (named[0], named[-1]) == (numbers[1:6], numbers[:5])


def test_programs_find_no_case_without_records(app: Flask) -> None:
    """A reference that no record has is not found."""
    answer = app.test_client().get("/api/v1/cases/none/summary", headers=bearer(app, "audit"))
    assert answer.status_code == 404


@pytest.fixture(scope="module")
def shipped() -> OnnxModel:
    return OnnxModel(load_bundle(load_settings({}).bundle_dir), 1)


def composite(number: int) -> Image.Image:
    return Image.open(load_settings({}).gallery_dir / f"composite_{number:04d}.jpg").convert("RGB")


def record_face(desk: Services, model: OnnxModel, face: Image.Image, case: str) -> RecordedEstimate:
    """Put a face on record as the shipped model sees it."""
    crop = Crop(np.asarray(face.resize((model.input_px, model.input_px))))
    seen = model.predict([crop])
    answer = Estimate(
        photo_name="face.jpg",
        photo_sha256=f"{hash(face.tobytes()) % 16**12:064x}",
        status="estimated",
        age_years=float(seen.ages_years[0]),
        model_sha256=MEASURED_MODEL_SHA256,
        crop=crop,
        embedding=seen.embeddings[0],
        declared=Declaration(case),
    )
    return desk.estimates.record(answer)


def test_two_people_ask_whether_they_are_one(app: Flask, desk: Services, shipped: OnnxModel) -> None:
    """A woman's and a man's composite are shown side by side with the question, and without any figure."""
    pair = [record_face(desk, shipped, composite(number), "two/people") for number in (287, 289)]
    html = signed_in(app).get("/compare/cases/two/people").text
    asked = html[html.index('id="same-person"') : html.index('id="all-faces-heading"')]
    assert "Is this the same person?" in asked
    assert all(f"/estimates/{record.id}/crop.png" in asked for record in pair)
    assert not re.search(r"\d\.\d|\d ?%", re.sub(r"<[^>]+>", "", asked))
    assert checked(html).inline == []


def test_two_photos_of_one_face_ask_nothing(app: Flask, desk: Services, shipped: OnnxModel) -> None:
    """Darker, turned and mirrored pictures of one face are no reason to ask; nor is that a confirmation."""
    face = composite(287)
    darker = ImageEnhance.Brightness(face.rotate(5)).enhance(0.7)
    for picture in (face, darker, face.transpose(Image.Transpose.FLIP_LEFT_RIGHT)):
        record_face(desk, shipped, picture, "one/face")
    html = signed_in(app).get("/compare/cases/one/face").text
    assert "Is this the same person?" not in html
    assert "This does not mean that the photos show one person." in html


def test_the_comparison_can_be_switched_off(site: Settings) -> None:
    """With SIMSVC_SAME_PERSON_PROMPT=0 the case has no link to it, and its address no page."""
    app = create_app(site.model_copy(update={"same_person_prompt": False, "case_access": "all"}))
    desk: Services = app.extensions["simsvc"]
    judged(desk, 2018, "off/1")
    judged(desk, 2019, "off/1")
    client = client_of(app, account(app, "underwriter"))
    page = client.get("/cases/off/1")
    assert (page.status_code, "/compare/cases" in page.text) == (200, False)
    assert client.get("/compare/cases/off/1").status_code == 404
    assert load_settings({"SIMSVC_SAME_PERSON_PROMPT": "0"}).same_person_prompt is False


def test_the_composites_are_of_one_age() -> None:
    """The two people of the test above differ in something else than their age."""
    with (load_settings({}).gallery_dir / "labels.csv").open() as table:
        ages = {row["file"]: row["age"] for row in csv.DictReader(table)}
    assert ages["composite_0287.jpg"] == ages["composite_0289.jpg"]
