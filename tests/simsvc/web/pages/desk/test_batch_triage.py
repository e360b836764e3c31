"""The page of a batch as triage: order, filters, decisions in the rows, and its CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.domain.desk.batch_csv import read_cases
from simsvc.messages import Message
from simsvc.settings import Settings
from simsvc.values import DecisionDraft, Declaration, Estimate
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.simsvc.web.helpers import checked, sent, table
from tests.simsvc.web.signed_in import client_of, signed_in
from tests.small_site import drawn_photo

ESTIMATE = Estimate(
    "a.jpg",
    "0" * 64,
    "estimated",
    age_years=30.0,
    interval_years=(25.0, 35.0),
    coverage=0.9,
    doubt=1.5,
    flags=("blurred",),
)


@pytest.fixture
def app(open_site: Settings, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(open_site.model_copy(update={"batch_dir": tmp_path / "batches"}))
    yield app
    app.extensions["simsvc"].database.close()


def declared(years: int) -> Declaration:
    return Declaration(None, date(2000 - years, 1, 1), date(2000, 6, 1))


@pytest.fixture
def batch_id(client: FlaskClient, desk: Services) -> str:
    """Return a batch: a fitting age, one outside, an unreliable estimate, and a photo that waits."""
    made = sent(client, [(drawn_photo(1), f"{name}.jpg") for name in ("fits", "outside", "dark", "later")])
    estimates = [
        replace(ESTIMATE, declared=declared(31)),
        replace(ESTIMATE, declared=declared(51)),
        replace(ESTIMATE, declared=declared(31), refer_reason=Message("The face is blurred.")),
    ]
    asked_by = desk.batch_book.find(made).asked_by
    for position, estimate in enumerate(estimates):
        desk.batch_book.recorder(made, position).record(replace(estimate, asked_by=asked_by))
    return made


def names(html: str) -> list[str]:
    return re.findall(r'class="photo-name">(\w+)[.]jpg', html)


def decide(
    client: FlaskClient, batch_id: str, position: int, query: str = "", **fields: str
) -> tuple[int, str]:
    answer = client.post(f"/batches/{batch_id}/photos/{position}/decisions{query}", data=fields)
    return answer.status_code, answer.headers.get("Location", answer.text)


def kinds(desk: Services, batch_id: str) -> list[str | None]:
    rows = desk.batch_triage.rows(batch_id, range(4))
    return [row.decision.draft.kind if row.decision else None for row in rows]


def test_doubtful_photos_come_first(client: FlaskClient, batch_id: str) -> None:
    """Order and filter are in the address, and what they are is on the page."""
    html = client.get(f"/batches/{batch_id}").text
    assert names(html) == ["outside", "dark", "fits", "later"]
    for words in ("Outside", "Cannot tell", "Fits", "Unreliable", "expected error 3 years", "waiting"):
        assert words in html
    checked(html)
    assert names(client.get(f"/batches/{batch_id}?sort=upload").text) == ["fits", "outside", "dark", "later"]
    assert names(client.get(f"/batches/{batch_id}?show=outside&sort=nonsense").text) == ["outside"]
    assert "No photo matches" in client.get(f"/batches/{batch_id}?show=no_age").text


def test_a_row_is_decided_without_script(client: FlaskClient, desk: Services, batch_id: str) -> None:
    """The answer leads back to the same page, filter and row."""
    status, place = decide(
        client, batch_id, 0, "?show=undecided&sort=upload&page=1", kind="accept", after="0"
    )
    assert (status, place) == (303, f"/batches/{batch_id}?show=undecided&sort=upload#photo-0")
    assert kinds(desk, batch_id) == ["accept", None, None, None]
    assert names(client.get(place).text) == ["outside", "dark"]


def test_an_incomplete_decision_loses_nothing(client: FlaskClient, desk: Services, batch_id: str) -> None:
    """The row opens again with what was typed and says what lacks, on the page and as a row by itself."""
    for query in ("", "?row=1"):
        status, html = decide(client, batch_id, 1, query, kind="override", age="45", reason="", after="0")
        assert status == 422
        assert re.search(r'id="age-1"[^>]*value="45"', html)
        assert re.search(r'id="reason-1-error"', html)
        assert re.search(r'id="reason-1"[^>]*aria-invalid="true"', html)
        checked(html)
    assert kinds(desk, batch_id) == [None] * 4


def test_what_is_needed_must_be_said(client: FlaskClient, desk: Services, batch_id: str) -> None:
    """“Need more” without a word is refused at its field; with one, it is the note of the decision."""
    status, html = decide(client, batch_id, 2, "?row=1", kind="need_more", needed=" ", after="0")
    assert (status, 'id="needed-2-error"' in html) == (422, True)
    status, html = decide(client, batch_id, 2, "?row=1", kind="need_more", needed="a recent photo", after="0")
    assert (status, "a recent photo" in html, '<details class="change" open' in html) == (200, True, False)
    decision = desk.batch_triage.row(batch_id, 2).decision
    assert decision is not None
    assert (decision.draft.kind, decision.draft.note) == ("need_more", "a recent photo")


def test_an_unreliable_estimate_cannot_be_plausible(client: FlaskClient, batch_id: str) -> None:
    """There is no button for it, and the address refuses it."""
    html = client.get(f"/batches/{batch_id}").text
    assert html.count('value="accept"') == 2
    assert decide(client, batch_id, 2, "?row=1", kind="accept", after="0")[0] == 422


def test_the_second_of_two_people_is_told(client: FlaskClient, desk: Services, batch_id: str) -> None:
    """Who decides on what somebody else has decided meanwhile reads that decision, and changes nothing."""
    record = desk.batch_triage.row(batch_id, 0).recorded
    assert record is not None
    desk.decisions.add(record.id, DecisionDraft("override", 44, "grey hair"), "0" * 32, 0, desk.now())
    status, html = decide(client, batch_id, 0, "?row=1", kind="accept", after="0")
    assert status == 409
    assert "Someone else recorded a decision" in html
    assert "grey hair" in html
    assert kinds(desk, batch_id)[0] == "override"
    assert decide(client, batch_id, 0, "?row=1", kind="accept", after="1")[0] == 200
    assert kinds(desk, batch_id)[0] == "accept"


def test_a_photo_without_a_record_cannot_be_decided(client: FlaskClient, batch_id: str) -> None:
    """Neither one that waits nor one that is not there."""
    assert [decide(client, batch_id, position, kind="accept")[0] for position in (3, 4)] == [404, 404]


def test_a_lost_session_keeps_the_reason(app: Flask, batch_id: str) -> None:
    """What was typed into a row is on the page that says what happened."""
    status, html = decide(
        client_of(app, None), batch_id, 1, kind="override", age="45", reason="an hour of thought", after="0"
    )
    assert status == 400
    assert "an hour of thought" in html


def test_an_auditor_sees_decisions_and_no_forms(app: Flask, batch_id: str) -> None:
    """Auditors read the table."""
    auditor = signed_in(app, "auditor")
    html = auditor.get(f"/batches/{batch_id}").text
    assert ("hx-post" in html, "No decision yet." in html) == (False, True)
    assert decide(auditor, batch_id, 0, kind="accept")[0] == 403


def test_the_csv_has_the_columns_of_the_table(client: FlaskClient, batch_id: str) -> None:
    """Declared age, range, verdict, expected error, remarks and decision are in it, in upload order."""
    decide(client, batch_id, 1, kind="override", age="45", reason="grey hair", after="0")
    rows = table(client, batch_id)
    wanted = {
        "file": "outside.jpg",
        "declared_age_years": "51",
        "age_years": "30.00",
        "low_years": "25.00",
        "high_years": "35.00",
        "verdict": "outside",
        "expected_error_years": "3.48",
        "flags": "blurred",
        "decision": "override",
        "decided_age_years": "45",
        "reason": "grey hair",
        "decided_by": "underwriter",
    }
    assert {name: rows[1][name] for name in wanted} == wanted
    assert [row["verdict"] for row in rows] == ["fits", "outside", "cannot_tell", ""]
    assert rows[2]["unreliable"] == "The face is blurred."


def test_the_template_can_be_filled_in(client: FlaskClient) -> None:
    """It has every column and one line, and the service reads it."""
    data = client.get("/batches/template.csv").data
    (row,) = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    assert list(row) == ["case", "birth_date", "photo_date", "file"]
    (read,) = read_cases(data, date(2030, 1, 1)).rows
    assert (read.path, read.declared.case) == (row["file"], row["case"])
