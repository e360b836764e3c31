from __future__ import annotations

import csv
import io
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from simsvc.settings import Settings
from simsvc.store import database
from simsvc.web.app import create_app
from tests.simsvc.web.helpers import checked, pdf_text, upload
from tests.simsvc.web.signed_in import account, client_of, signed_in
from tests.small_site import drawn_photo

HOSTILE = "<script>alert(1)</script>"


def sent(client: FlaskClient, photos: int = 1, **fields: str) -> tuple[int, str, str]:
    files = [(io.BytesIO(drawn_photo(1000 + n)), f"{n}.jpg") for n in range(photos)]
    response = client.post("/estimates", data={"photo": files, **fields})
    return response.status_code, response.headers.get("Location", ""), response.text


def test_a_declared_age_stands_beside_the_estimate(client: FlaskClient) -> None:
    """Case, dates, the age at the photo, a sentence and its mark on the scale are on the page."""
    fields = {"case": "A/7 甲", "born": "1992-02-29", "taken": "2025-02-28"}
    html = client.get(sent(client, **fields)[1]).text
    assert "Declared age 32, estimated age" in html
    assert '<path class="declared"' in html
    assert 'href="/cases/A/7%20%E7%94%B2"' in html
    assert checked(html).inline == []


def test_evidence_comes_before_the_decision(client: FlaskClient) -> None:
    """Photo, verdict, estimate, reason and the nearest faces are read before the first decision button."""
    html = client.get(upload(client, drawn_photo())).text
    evidence = ('class="crop"', 'class="comparison', "answer-heading", "evidence-heading", 'class="nearest"')
    assert max(html.index(part) for part in evidence) < html.index('name="kind"')


@pytest.mark.parametrize(
    ("photos", "fields", "words"),
    [
        (0, {"case": "typed/1"}, "Choose a photo"),
        (1, {"case": "typed/1", "born": "2999-01-01"}, "A declared date is in the future"),
        (2, {"born": "1990-01-01"}, "belong to one case"),
        (9, {"case": "typed/1"}, "at most 8 photos"),
    ],
)
def test_an_error_keeps_what_was_typed(
    client: FlaskClient, photos: int, fields: dict[str, str], words: str
) -> None:
    """The form comes back with the sentence and every field as it was."""
    data = {"photo": [(io.BytesIO(b"x"), f"{n}.jpg") for n in range(photos)], **fields}
    response = client.post("/estimates", data=data, content_type="multipart/form-data")
    assert response.status_code in {400, 422}
    assert words in response.text
    for text in fields.values():
        assert f'value="{text}"' in response.text


def test_several_photos_lead_to_their_case(client: FlaskClient) -> None:
    """Each photo is an estimate of the case, and the case page combines them."""
    status, location, _ = sent(client, 3, case="several/3")
    html = client.get(location).text
    assert (status, location) == (303, "/cases/several/3")
    assert "This is the median of 3 photos" in html
    assert checked(html).inline == []


def test_the_same_photo_sent_three_times_counts_once(client: FlaskClient) -> None:
    """The case says so instead of a median of three; with another photo it is one of two."""
    same = drawn_photo(77)
    data = {"photo": [(io.BytesIO(same), f"{n}.jpg") for n in range(3)], "case": "same/3"}
    client.post("/estimates", data=data, content_type="multipart/form-data")
    html = client.get("/cases/same/3").text
    assert "The same photo was uploaded 3 times. It counts once." in html
    assert "This is the median of" not in html
    other = {"photo": (io.BytesIO(drawn_photo(78)), "other.jpg"), "case": "same/3", "born": "1980-02-29"}
    client.post("/estimates", data=other)
    html = client.get("/cases/same/3").text
    assert "This is the median of 2 photos" in html
    assert "Declared birth date 1980-02-29" in html


@pytest.mark.parametrize(("language", "label"), [("en", "Declared birth date"), ("zh_Hans", "出生日期")])
def test_record_and_paper_hold_the_declared_dates(client: FlaskClient, language: str, label: str) -> None:
    """Birth date, photo date and the age between them stand on the page, in print, and in the PDF."""
    client.set_cookie("language", language)
    path = sent(client, case="dates", born="1980-02-29", taken="2020-06-01")[1]
    page = client.get(path).text
    record = page[page.index('class="record"') :]
    sheet = pdf_text(client.get(f"{path}/record.pdf", buffered=True).data)
    for text in (record, sheet):
        assert label in text
        assert "1980-02-29" in text
        assert "2020-06-01" in text
    assert re.search(r"<dd>40[ <岁y]", record)
    assert re.search(r"\b40\b", sheet)


def test_a_hostile_case_is_only_text(client: FlaskClient) -> None:
    """Markup in a reference is escaped on the record, the case page and in the history."""
    location = sent(client, case="x <img src=y>")[1]
    for path in (location, "/cases/x%20%3Cimg%20src=y%3E", "/history?case=%3Cimg"):
        html = client.get(path).text
        assert "&lt;img src=y&gt;" in html
        assert "<img src=y>" not in html


def test_a_decision_is_recorded_and_superseded(client: FlaskClient) -> None:
    """The latest stands first with who made it; the older one is folded away, escaped, unchanged."""
    path = upload(client, drawn_photo())
    first = {"kind": "accept", "note": HOSTILE, "after": "0"}
    assert client.post(path + "/decisions", data=first).status_code == 303
    second = {"kind": "override", "age": "34", "reason": "passport", "after": "1"}
    assert client.post(path + "/decisions", data=second).status_code == 303
    html = client.get(path).text
    assert (
        html.index("not plausible: 34 years")
        < html.index("Earlier decisions")
        < html.index("<strong>plausible")
    )
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"kind": "override", "age": "", "reason": ""}, 422),
        ({"kind": "need_more", "note": " ", "needed": ""}, 422),
        ({"kind": "nothing"}, 422),
        ({"kind": "accept", "after": "5"}, 409),
    ],
)
def test_a_decision_that_cannot_be_is_shown_again(
    client: FlaskClient, form: dict[str, str], status: int
) -> None:
    """The note is in the form again, below the evidence and the reason of the refusal."""
    path = upload(client, drawn_photo())
    response = client.post(path + "/decisions", data={"note": "my long note", "reason": "because"} | form)
    assert response.status_code == status
    assert (form.get("note") or "my long note") + "</textarea>" in response.text
    assert "form-problem" in response.text


def test_what_is_needed_leads_the_note(client: FlaskClient) -> None:
    """Both texts of the form are one note, in the record, its PDF and the history, named "more needed"."""
    path = sent(client, case="needed/1", born="1980-02-29")[1]
    form = {"kind": "need_more", "needed": "a recent photo", "note": "glasses", "after": "0"}
    assert client.post(path + "/decisions", data=form).status_code == 303
    assert "a recent photo\n\nglasses" in client.get(path).text
    assert "more needed" in pdf_text(client.get(path + "/record.pdf", buffered=True).data)
    assert "more needed" in client.get("/history?case=needed/1&decision=need_more").text


def test_a_decision_leads_to_the_next_undecided_record(client: FlaskClient) -> None:
    """If the form asks for it; the page there says so, links back, and will ask for the same again."""
    path, following = (sent(client, case="queue/1")[1] for _ in range(2))
    response = client.post(path + "/decisions", data={"kind": "refer", "after": "0", "then": "next"})
    assert response.headers["Location"] == following + "?then=next"
    html = client.get(following + "?then=next").text
    assert f'Decision recorded: <a href="{path}">record ' in html
    assert re.search(r'name="then" value="next" checked', html)


def test_without_a_birth_date_the_page_says_what_to_do(client: FlaskClient) -> None:
    """No verdict, why, and a form with the case filled in; with a birth date there is a verdict."""
    html = client.get(sent(client, case="born/0")[1]).text
    assert "there is no declared age to check" in html
    assert 'href="/estimates?case=born/0"' in html
    assert "badge-verdict" not in html
    assert "badge-verdict" in client.get(sent(client, case="born/1", born="1990-01-01")[1]).text


def test_a_lost_session_keeps_the_note_and_shows_no_record(app: Flask, client: FlaskClient) -> None:
    """Signed out, the typed note comes back with a way to sign in, and nothing of the record."""
    path = upload(client, drawn_photo())
    form = {"kind": "refer", "note": "note of an hour", "after": "0"}
    response = client_of(app, None).post(path + "/decisions", data=form)
    assert "note of an hour</textarea>" in response.text
    assert 'href="/sign-in"' in response.text
    assert "crop.png" not in response.text
    assert "No decision yet" in client.get(path).text


def test_an_expired_form_keeps_the_note(app: Flask, client: FlaskClient) -> None:
    """With a token of an older session the note comes back with a fresh one, which then works."""
    path = upload(client, drawn_photo())
    stale = client_of(app, account(app, "underwriter"))
    stale.environ_base["HTTP_X_CSRFTOKEN"] = "stale"
    response = stale.post(path + "/decisions", data={"kind": "refer", "note": "kept", "after": "0"})
    token = re.search(r'<form action="/estimates[^>]*>\s*<input[^>]*value="([^"]+)"', response.text)
    assert token
    stale.environ_base.pop("HTTP_X_CSRFTOKEN")
    again = {"kind": "refer", "note": "kept", "after": "0", "csrf_token": token[1]}
    assert stale.post(path + "/decisions", data=again).status_code == 303
    assert "kept</p>" in client.get(path).text


def test_an_auditor_reads_and_does_not_decide(app: Flask, client: FlaskClient) -> None:
    """The auditor's page has the record and no form."""
    html = signed_in(app, "auditor").get(upload(client, drawn_photo())).text
    assert "Decision" in html
    assert 'name="kind"' not in html


def test_a_labelled_face_opens_beside_the_judged_one(client: FlaskClient) -> None:
    """The page of a rank shows both faces, its source, and leads on; there is none beyond the last."""
    path = upload(client, drawn_photo())
    html = client.get(path + "/faces/2").text
    assert path + "/crop.png" in html
    assert ", demo</figcaption>" in html
    assert path + "/faces/3" in html
    assert client.get(path + "/faces/13").status_code == 404


def test_the_history_finds_and_exports_the_same(client: FlaskClient) -> None:
    """The CSV has the filter's rows with a byte order mark, and no cell that a spreadsheet runs."""
    path = sent(client, case="=cmd()")[1]
    client.post(path + "/decisions", data={"kind": "refer", "note": "+1 甲", "after": "0"})
    assert ">=cmd()</a>" in client.get("/history?case=%3Dcmd").text
    text = client.get("/history/export.csv?case=%3Dcmd", buffered=True).text
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert text.startswith("\ufeff")
    assert [(row["case"], row["note"], row["decision"]) for row in rows] == [("'=cmd()", "'+1 甲", "refer")]


def test_exports_are_logged_before_they_are_given(client: FlaskClient) -> None:
    """CSV and PDF are one event each with who took them; the case that was searched for is not said."""
    path = sent(client, case="Ada Example")[1]
    client.get("/history/export.csv?case=Ada&status=estimated", buffered=True)
    client.get(path + "/record.pdf", buffered=True)
    log = client.application.extensions["simsvc"].log
    with log.snapshot() as snapshot:
        entries = [entry for page in snapshot.pages() for entry in page if entry.event.kind == "export"]
    table, sheet = entries[-2:]
    assert (table.event.subject, sheet.event.subject) == ("history", f"estimate:{path.rsplit('/', 1)[1]}")
    assert table.event.actor == sheet.event.actor
    assert table.event.actor.startswith("user:")
    assert table.content == '{"by_case":true,"filters":{"status":"estimated"},"format":"csv"}'
    assert sheet.content == '{"format":"pdf"}'


@pytest.mark.parametrize("query", ["since=1.2.3", "until=0001-01-01", "status=x", "sort=id;drop", "flag=%25"])
def test_a_filter_that_is_none_is_a_sentence(client: FlaskClient, query: str) -> None:
    """What no list or date field would send is refused in words, above the form as it was filled in."""
    response = client.get(f"/history?case=kept&{query}")
    assert response.status_code == 422
    assert 'class="form-problem"' in response.text
    assert 'value="kept"' in response.text
    assert "/estimates/" not in response.text
    assert (
        query.startswith("sort")
        or client.get(f"/history/export.csv?{query}", buffered=True).status_code == 422
    )


def test_a_count_of_one_is_singular(client: FlaskClient) -> None:
    """One record, no records, and nothing of an address but the form's own fields in the links."""
    sent(client, case="counted once")
    assert "1 record</p>" in client.get("/history?case=counted+once").text
    html = client.get("/history?case=counted+never&endpoint=x&_external=1&_anchor=y").text
    assert "0 records</p>" in html
    assert 'href="/history/export.csv?case=counted+never"' in html


TYPED = {"case": "L/9 甲", "born": "1980-02-29", "taken": "2020-06-01"}


def assert_kept(response: TestResponse, status: int, words: str) -> None:
    assert response.status_code == status
    assert words in response.text
    for text in TYPED.values():
        assert f'value="{text}"' in response.text
    assert 'type="file"' in response.text
    checked(response.text)


def sent_typed(client: FlaskClient) -> TestResponse:
    return client.post("/estimates", data={"photo": (io.BytesIO(drawn_photo()), "a.jpg"), **TYPED})


def test_a_lost_session_keeps_case_and_dates(app: Flask) -> None:
    """The form comes back filled in, with a way to sign in; nothing was judged."""
    response = sent_typed(client_of(app, None))
    assert_kept(response, 400, "Your session ended before the age was estimated")
    assert 'href="/sign-in"' in response.text


def test_an_expired_form_keeps_case_and_dates(app: Flask) -> None:
    """The form comes back with a token that works."""
    client = client_of(app, account(app, "underwriter"))
    client.environ_base["HTTP_X_CSRFTOKEN"] = "stale"
    response = sent_typed(client)
    assert_kept(response, 400, "submit it again")
    token = re.search(r'<form class="upload".*?name="csrf_token" value="([^"]+)"', response.text, re.DOTALL)
    assert token
    client.environ_base["HTTP_X_CSRFTOKEN"] = token[1]
    assert sent_typed(client).status_code == 303


def test_a_vanished_index_keeps_case_and_dates(without_index: FlaskClient) -> None:
    """The sentence says what is missing; what was typed is in the form."""
    assert_kept(sent_typed(without_index), 503, "There is no index yet")


def test_a_rate_keeps_case_and_dates(site: Settings) -> None:
    """Who is asked to wait types nothing twice."""
    client = signed_in(create_app(site.model_copy(update={"upload_rate": "1 per minute"})))
    assert sent_typed(client).status_code == 303
    assert_kept(sent_typed(client), 429, "Wait a minute")


@contextmanager
def locked(site: Settings) -> Iterator[None]:
    """Hold the database as another program would that writes for long."""
    with closing(sqlite3.connect(site.database_url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


def test_a_locked_database_loses_nothing(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photo and decision are answered with a sentence and what was typed; afterwards both work."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 50)
    client = signed_in(create_app(site))
    path, form = upload(client, drawn_photo()), {"kind": "refer", "note": "an hour's note", "after": "0"}
    with locked(site):
        assert_kept(sent_typed(client), 503, "Existing records are safe. Try again in a moment")
        response = client.post(path + "/decisions", data=form)
        assert (response.status_code, "an hour&#39;s note</textarea>" in response.text) == (503, True)
        assert "Existing records are safe" in response.text
        assert client.get(path).status_code == 200
    assert client.post(path + "/decisions", data=form).status_code == 303
    assert sent_typed(client).status_code == 303


def test_a_full_disk_loses_nothing(site: Settings, tmp_path: Path) -> None:
    """Where the database cannot grow the page says so; what is on record is still shown."""
    copy = tmp_path / "full.sqlite3"
    with closing(sqlite3.connect(site.database_url.removeprefix("sqlite:///"))) as source:
        source.execute("VACUUM INTO ?", (str(copy),))
    app = create_app(site.model_copy(update={"database_url": f"sqlite:///{copy}"}))
    client, engine = signed_in(app), app.extensions["simsvc"].database.engine
    path = upload(client, drawn_photo())
    engine.dispose()
    event.listen(engine, "connect", lambda made, _record: made.execute("PRAGMA max_page_count=1"))
    answers = [sent_typed(client) for _ in range(20)]
    assert_kept(answers[-1], 503, "The database disk is full")
    assert "Existing records are safe" in answers[-1].text
    assert client.get(path).status_code == 200
    assert 'href="/estimates/' in client.get("/history").text


def test_a_database_that_cannot_be_written_says_so(site: Settings) -> None:
    """On a read-only disk nothing new goes on record, in one sentence; what is there is still shown."""
    app = create_app(site)
    client, engine = signed_in(app), app.extensions["simsvc"].database.engine
    path = upload(client, drawn_photo())
    engine.dispose()
    event.listen(engine, "connect", lambda made, _record: made.execute("PRAGMA query_only=ON"))
    assert_kept(sent_typed(client), 503, "The database file or its folder cannot be read or written")
    assert client.get(path).status_code == 200
    engine.dispose()


@pytest.mark.parametrize("photo", [drawn_photo(), b"no photo"])
def test_a_record_is_a_pdf_whatever_its_note(client: FlaskClient, photo: bytes) -> None:
    """A note in Chinese, Arabic and with markup gives a PDF of the record."""
    path = upload(client, photo)
    note = {"kind": "refer", "note": "转人工 مرحبا <b>&</i>", "after": "0"}
    assert client.post(path + "/decisions", data=note).status_code == 303
    response = client.get(path + "/record.pdf", buffered=True)
    assert response.mimetype == "application/pdf"
    assert response.data.startswith(b"%PDF")
