from __future__ import annotations

import io
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.adapters.ops.read_queue import NoReadLog
from simsvc.domain.audit.who_looked import look_of
from simsvc.errors import StoreError
from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.values import Declaration, RecordedEstimate
from simsvc.values.audit.reads import Read
from simsvc.values.events import EventFilter, EventKind, LoggedEvent
from simsvc.web.app import create_app
from simsvc.web.security import reads
from simsvc.web.security.access import ACCESS
from simsvc.web.security.reads import SHOWS
from simsvc.web.security.scopes import SCOPES_OF
from simsvc.wiring.erasure import eraser
from simsvc.wiring.services import Services, count_lost_reads
from tests.databases import sqlite_database
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.programs import program
from tests.simsvc.web.signed_in import account, client_of, signed_in
from tests.small_site import drawn_photo

CASE = "L-7 Mustermann"


@pytest.fixture
def audited(site: Settings, tmp_path: Path) -> Settings:
    """Return a site of its own that logs reads."""
    url = sqlite_database(tmp_path / "log.sqlite3")
    return site.model_copy(update={"database_url": url, "audits_reads": True, "case_access": "all"})


@contextmanager
def opened(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    try:
        yield app
    finally:
        app.extensions["simsvc"].read_log.close()
        app.extensions["simsvc"].database.close()


@pytest.fixture
def app(audited: Settings) -> Iterator[Flask]:
    with opened(audited) as app:
        yield app


@pytest.fixture
def record(desk: Services) -> RecordedEstimate:
    return estimate(drawn_photo(61), "a.jpg", desk.pipeline(), declared=Declaration(CASE))


def events_of_reads(desk: Services) -> list[LoggedEvent]:
    """Return the reads that are logged, oldest first."""
    assert desk.read_log.flush()
    with desk.log.snapshot() as snapshot:
        return snapshot.after(None, wanted=EventFilter(kind="read"))


def whats(desk: Services) -> list[str]:
    return [look_of(logged).what for logged in events_of_reads(desk)]


def said(logged: LoggedEvent) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(logged.content or "{}")
    return found


def pictures(html: str, record: RecordedEstimate) -> list[str]:
    return re.findall(rf'src="(/estimates/{record.id}/[^"]+)"', html)


def test_a_page_with_its_pictures_is_one_view(
    client: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """One event: the account, the record, the session by its number, and no address."""
    html = client.get(f"/estimates/{record.id}?saliency=1").text
    addresses = pictures(html, record)
    assert {address.partition("?")[0].rpartition("/")[2] for address in addresses} == {
        "crop.png",
        "saliency.png",
    }
    for address in addresses:
        assert client.get(address.replace("&amp;", "&")).status_code == 200
    (logged,) = events_of_reads(desk)
    user = desk.users.named("underwriter")
    assert user is not None
    assert (logged.event.actor, logged.event.subject) == (f"user:{user.id}", f"estimate:{record.id}")
    (session,) = desk.sessions.of(user.id, desk.now())
    answered = said(logged)
    assert (answered.pop("at") <= logged.event.at) is True
    assert answered == {"what": "page", "endpoint": "pages.show", "session": session.number}


def test_another_worker_knows_the_pictures_of_a_page(
    audited: Settings, client: FlaskClient, record: RecordedEstimate
) -> None:
    """The mark in their addresses says so for a minute, for this session and record only."""
    html = client.get(f"/estimates/{record.id}").text
    (address, *_) = pictures(html, record)
    (cookie,) = client._cookies.values()  # type: ignore[attr-defined]  # werkzeug's client has no way to read them all
    with opened(audited) as other:
        there = other.test_client()
        there.set_cookie(cookie.key, cookie.value)
        assert there.get(address).status_code == 200
        assert whats(other.extensions["simsvc"]) == ["page"]
        assert there.get(address.partition("?")[0]).status_code == 200, "without its mark"
        assert (
            client_of(other, account(other, "underwriter", "somebody else")).get(address).status_code == 200
        )
        assert whats(other.extensions["simsvc"]) == ["page", "crop", "crop"]


def test_a_mark_ends_after_a_minute(
    client: FlaskClient, desk: Services, record: RecordedEstimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that is fetched later is a view by itself."""
    html = client.get(f"/estimates/{record.id}").text
    monkeypatch.setattr(reads, "VIEW_S", -1)
    assert client.get(pictures(html, record)[0]).status_code == 200
    assert whats(desk) == ["page", "crop"]


def test_a_mark_stays_the_same_for_a_while(
    client: FlaskClient, record: RecordedEstimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that renews itself every second loads its pictures once in a while, not each time."""
    clock = SimpleNamespace(time=lambda: 1_800_000_000.0, monotonic=lambda: 1.0)
    monkeypatch.setattr(reads, "time", clock)
    addresses = pictures(client.get(f"/estimates/{record.id}").text, record)
    clock.time = lambda: 1_800_000_000.0 + reads.STEP_S - 1
    assert pictures(client.get(f"/estimates/{record.id}").text, record) == addresses
    clock.time = lambda: 1_800_000_000.0 + reads.STEP_S
    assert not set(pictures(client.get(f"/estimates/{record.id}").text, record)) & set(addresses)


@pytest.mark.parametrize("mark", ["", "0.00", "zz", "é.é", "-1.x", "7fffffffffffffff." + "0" * 32])
def test_a_forged_mark_is_none(
    client: FlaskClient, desk: Services, record: RecordedEstimate, mark: str
) -> None:
    """A picture without the page is a view by itself, whatever its address says."""
    answer = client.get(f"/estimates/{record.id}/crop.png", query_string={"view": mark})
    assert answer.status_code == 200
    assert whats(desk) == ["crop"]


@pytest.mark.parametrize(
    ("part", "what"), [("crop.png", "crop"), ("thumbnail.jpg", "thumbnail"), ("saliency.png", "heat_map")]
)
def test_a_picture_alone_is_a_view(
    client: FlaskClient, desk: Services, record: RecordedEstimate, part: str, what: str
) -> None:
    """Each kind of picture of a record."""
    assert client.get(f"/estimates/{record.id}/{part}").status_code == 200
    assert whats(desk) == [what]


def test_lists_and_their_thumbnails_are_no_views(
    client: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """The history, the home page and the search show many records; none of them was opened."""
    addresses = [address for page in ("/history", "/") for address in pictures(client.get(page).text, record)]
    assert addresses
    for address in addresses:
        assert client.get(address).status_code == 200
    assert client.get("/search?q=Muster").status_code == 200
    assert whats(desk) == []


@pytest.mark.usefixtures("record")
def test_a_case_with_all_that_its_page_loads_is_one_view(client: FlaskClient, desk: Services) -> None:
    """Crops of its photos and the part that compares faces included; the subject names no one."""
    estimate(drawn_photo(62), "b.jpg", desk.pipeline(), declared=Declaration(CASE))
    html = client.get(f"/cases/{CASE}").text
    loaded = re.findall(r'(?:src|hx-get)="((?:/estimates|/compare)[^"]+)"', html)
    assert any(address.startswith("/compare/") for address in loaded)
    assert any(address.startswith("/estimates/") for address in loaded)
    for address in loaded:
        assert client.get(address.replace("&amp;", "&")).status_code == 200
    (logged,) = events_of_reads(desk)
    assert re.fullmatch(r"case:[0-9a-f]{32}", logged.event.subject)
    assert "Muster" not in str(logged)
    assert client.get(f"/compare/cases/{CASE}").status_code == 200, "within the minute"
    assert len(events_of_reads(desk)) == 1


def test_a_program_that_reads_is_logged_by_its_token(
    app: Flask, desk: Services, record: RecordedEstimate
) -> None:
    """Each answer of the API is one view, the crop too; a list is none."""
    reader = program(app, "audit")
    for path in (
        f"estimates/{record.id}",
        f"estimates/{record.id}/neighbours",
        f"estimates/{record.id}/crop",
        f"estimates/{record.id}/decisions",
        f"cases/{CASE}/summary",
        "estimates",
    ):
        assert reader.get(f"/api/v1/{path}").status_code == 200
    found = events_of_reads(desk)
    assert [said(logged)["what"] for logged in found] == ["api", "api", "crop", "api", "api"]
    (token,) = desk.token_book.all()
    assert {logged.event.actor for logged in found} == {token.actor}
    assert {said(logged)["token"] for logged in found} == {token.id}


def test_what_shows_nothing_is_no_view(
    app: Flask, client: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """Refusals, what is not there, HEAD, and an answer that only confirms what the client has (304)."""
    assert client.get(f"/estimates/{'0' * 32}").status_code == 404
    assert client.head(f"/estimates/{record.id}").status_code == 200
    assert app.test_client().get(f"/estimates/{record.id}").status_code == 303
    reader, path = program(app), f"/api/v1/estimates/{record.id}"
    tag = reader.get(path).headers["ETag"]
    assert len(events_of_reads(desk)) == 1
    assert reader.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert len(events_of_reads(desk)) == 1


def test_exports_have_their_own_events(client: FlaskClient, desk: Services, record: RecordedEstimate) -> None:
    """A PDF is an event of kind export, written before it is given, and a line of who looked."""
    assert client.get(f"/estimates/{record.id}/record.pdf").status_code == 200
    assert whats(desk) == []
    (logged,) = desk.reads.of_record(record.id, 10)
    assert (logged.event.kind, look_of(logged).what) == (EventKind.EXPORT, "pdf")


def test_a_record_that_a_report_leads_to_is_viewed(
    client: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """The page that checks a report's code shows the record."""
    html = client.get(f"/cases/{CASE}").text
    (code,) = re.findall(r'href="(/verify\?code=[^"]+)"', html)
    assert client.get(code.replace("&amp;", "&")).status_code == 200
    assert events_of_reads(desk)[-1].event.subject == f"estimate:{record.id}"


def test_addresses_are_logged_where_the_settings_say_so(audited: Settings, record: RecordedEstimate) -> None:
    """By default they are not."""
    with opened(audited.model_copy(update={"log_addresses": True})) as app:
        services = app.extensions["simsvc"]
        signed_in(app).get(f"/estimates/{record.id}", environ_base={"REMOTE_ADDR": "192.0.2.7"})
        assert said(events_of_reads(services)[-1])["address"] == "192.0.2.7"


def test_where_reads_must_be_logged_none_is_shown_without(
    audited: Settings, record: RecordedEstimate, tmp_path: Path
) -> None:
    """While another holds the database, a record is refused with 503, by page and API, and not ready."""
    with opened(audited.model_copy(update={"require_read_log": True})) as app:
        desk: Services = app.extensions["simsvc"]
        browser, reader = signed_in(app), program(app)
        assert browser.get(f"/estimates/{record.id}").status_code == 200
        with desk.log.snapshot() as snapshot:
            assert snapshot.newest(EventFilter(), 1)[0].event.kind == "read", "before the answer"
        desk.read_log._patience_s = 0.1  # type: ignore[attr-defined]  # or else the test takes two seconds
        with closing(sqlite3.connect(tmp_path / "log.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            page = browser.get(f"/estimates/{record.id}")
            answer = reader.get(f"/api/v1/estimates/{record.id}")
            other.execute("ROLLBACK")
        assert (page.status_code, answer.status_code) == (503, 503)
        assert "reads_not_logged" in page.text
        assert record.estimate.photo_sha256 not in page.text
        assert answer.get_json()["code"] == "reads_not_logged"


def test_every_route_of_a_record_or_case_is_decided_on(app: Flask) -> None:
    """A new route that shows a record is a view, or is named here with why it is none."""
    no_views = {
        *("decisions.sheet", "reports.case", "evidence.case", "api_cases.evidence"),  # exports
        *("erasing.estimate", "erasing.case"),  # only count
        *("who_looked.record", "who_looked.case", "api_reads.record", "api_reads.case"),  # show the log
    }
    shown = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.arguments & {"public_id", "reference"}
        and "GET" in (rule.methods or ())
        and rule.endpoint in {*ACCESS, *SCOPES_OF}
        and rule.endpoint != "opening.lead"
    }
    by_other_paths = {"reports.verify", "api_referrals.show"}
    assert set(SHOWS) == (shown - no_views) | by_other_paths


def test_the_page_says_who_looked_at_a_record(
    app: Flask, client: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """For auditors: when, who, what and how; the record's page leads there."""
    client.get(f"/estimates/{record.id}")
    auditor, reader = signed_in(app, "auditor"), program(app, "audit")
    reader.get(f"/api/v1/estimates/{record.id}/crop")
    assert f"/reads/estimates/{record.id}" in auditor.get(f"/estimates/{record.id}").text
    assert desk.read_log.flush()
    html = auditor.get(f"/reads/estimates/{record.id}").text
    checked(html)
    rows = [re.sub(r"<[^>]+>|\s+", " ", row) for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)][1:]
    assert len(rows) == 3
    for row, words in zip(
        rows,
        [("auditor", "page", "session"), ("a test", "face crop", "API token"), ("underwriter", "page")],
        strict=True,
    ):
        assert all(word in row for word in words), row
    assert "3 views by 3 people" in html
    assert client.get(f"/reads/estimates/{record.id}").status_code == 403


def test_the_case_page_says_how_often_it_was_viewed(
    app: Flask, client: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """As one line of the timeline, for auditors, with a link to the list."""
    for _ in range(2):
        client.get(f"/cases/{CASE}")
    client.get(f"/estimates/{record.id}")
    assert desk.read_log.flush()
    auditor = signed_in(app, "auditor")
    html = auditor.get(f"/cases/{CASE}").text
    assert "3 views by 1 person" in html
    assert "Event: read" not in html
    assert "views by" not in client.get(f"/cases/{CASE}").text
    assert desk.read_log.flush()
    (address,) = set(re.findall(r'href="(/reads/cases/[^"]+)"', html))
    shown = auditor.get(address).text
    checked(shown)
    assert "5 views by 2 people" in shown
    assert shown.count("<tr>") == 6


def test_the_list_is_turned_over(
    app: Flask, client: FlaskClient, desk: Services, record: RecordedEstimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newest first."""
    monkeypatch.setattr("simsvc.web.pages.records.who_looked.LOOKS_A_PAGE", 2)
    for _ in range(3):
        client.get(f"/estimates/{record.id}")
    assert desk.read_log.flush()
    auditor = signed_in(app, "auditor")
    first = auditor.get(f"/reads/estimates/{record.id}").text
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = auditor.get(following).text
    assert (first.count("<tr>"), second.count("<tr>")) == (3, 2)
    assert 'rel="prev"' in second


def test_the_api_says_who_looked(
    app: Flask, client: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """With cursors, for tokens of the scope audit, of records and cases."""
    client.get(f"/estimates/{record.id}")
    client.get(f"/cases/{CASE}")
    assert desk.read_log.flush()
    reader = program(app, "audit")
    path = f"/api/v1/cases/{CASE}/reads"
    first = reader.get(path, query_string={"limit": 1}).get_json()
    second = reader.get(path, query_string={"limit": 1, "cursor": first["next"]}).get_json()
    assert (first["views"], first["people"], second["next"]) == (2, 1, None)
    lines = [first["items"][0], second["items"][0]]
    assert [line["estimate"] for line in lines] == [None, record.id]
    assert {line["what"] for line in lines} == {"page"}
    assert all(line["session"] and line["token"] is None and line["address"] is None for line in lines)
    of_record = reader.get(f"/api/v1/estimates/{record.id}/reads").get_json()
    assert of_record["items"] == lines
    assert program(app, "estimate").get(path).status_code == 403
    assert reader.get("/api/v1/cases/none/reads").status_code == 404
    assert reader.get(f"/api/v1/estimates/{'0' * 32}/reads").status_code == 404


def test_after_an_erasure_the_list_is_left_without_details(
    app: Flask, client: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """Who looked at an erased record, and when, stays; what and how is erased."""
    client.get(f"/estimates/{record.id}")
    assert desk.read_log.flush()
    eraser(desk).estimate(record.id, "command")
    auditor = signed_in(app, "auditor")
    html = auditor.get(f"/reads/estimates/{record.id}").text
    checked(html)
    assert "Who looked at an erased record" in html
    assert "underwriter" in html
    (line,) = program(app).get(f"/api/v1/estimates/{record.id}/reads").get_json()["items"]
    assert (line["what"], line["session"]) == (None, None)


def test_an_erased_record_that_nobody_looked_at_is_gone(
    app: Flask, desk: Services, record: RecordedEstimate
) -> None:
    """As on its own page."""
    eraser(desk).estimate(record.id, "command")
    assert signed_in(app, "auditor").get(f"/reads/estimates/{record.id}").status_code == 410


def test_the_audit_page_shows_views_if_asked(
    app: Flask, client: FlaskClient, desk: Services, record: RecordedEstimate
) -> None:
    """They are hidden among all events, and shown by the box or their kind; downloads always have them."""
    client.get(f"/estimates/{record.id}")
    (logged,) = events_of_reads(desk)
    auditor, number = signed_in(app, "auditor"), f'event-number">{logged.event.seq}<'
    assert number not in auditor.get("/audit").text
    for asked in ("reads=1", "kind=read", f"about={record.number}&reads=1"):
        assert number in auditor.get(f"/audit?{asked}").text
    client.get(f"/cases/{CASE}")
    of_case = events_of_reads(desk)[-1].event
    html = auditor.get("/audit", query_string={"about": CASE, "kind": "read"}).text
    checked(html)
    assert f'event-number">{of_case.seq}<' in html
    assert number in html
    assert of_case.subject not in re.sub(r"<details.*?</details>", "", html, flags=re.DOTALL)
    lines = auditor.get("/audit/events.jsonl", buffered=True).text.splitlines()
    assert "read" in {json.loads(line)["kind"] for line in lines}


def readiness_of_reads(app: Flask) -> dict[str, Any]:
    parts = app.test_client().get("/readyz").get_json()["parts"]
    (found,) = (part for part in parts if part["part"] == "reads")
    return {"well": found["well"], "sentence": found["sentence"]}


class Stuck(NoReadLog):
    waiting = 3
    problem = StoreError("full")


def test_readiness_says_whether_reads_are_logged(audited: Settings, app: Flask) -> None:
    """A database that takes none is a warning, or the end of readiness where they are required."""
    assert readiness_of_reads(app) == {"well": True, "sentence": "Views of records are logged."}
    app.extensions["simsvc"].read_log = Stuck()
    found = readiness_of_reads(app)
    assert found["well"]
    assert found["sentence"].startswith(
        "WARNING: 3 views of records wait to be logged. The database disk is full"
    )
    with opened(audited.model_copy(update={"require_read_log": True})) as strict:
        strict.extensions["simsvc"].read_log = Stuck()
        assert not readiness_of_reads(strict)["well"]


def test_lost_reads_are_counted(app: Flask, desk: Services, record: RecordedEstimate) -> None:
    """With the metrics, from which an alert can be made; the record is shown."""

    class Full(NoReadLog):
        def note(self, read: Read) -> None:
            del read
            count_lost_reads(1)

    reader = program(app)

    def lost() -> float:
        (found,) = re.findall(
            r"^simsvc_reads_not_logged_total (\S+)$", reader.get("/metrics").text, re.MULTILINE
        )
        return float(found)

    before, desk.read_log = lost(), Full()
    assert reader.get(f"/api/v1/estimates/{record.id}").status_code == 200
    assert lost() == before + 1


def test_a_photo_that_was_just_sent_is_viewed_by_its_sender(client: FlaskClient, desk: Services) -> None:
    """The result page that follows an upload is opened like any other."""
    client.post("/estimates", data={"photo": (io.BytesIO(drawn_photo(63)), "a.jpg")}, follow_redirects=True)
    assert whats(desk) == ["page"]
