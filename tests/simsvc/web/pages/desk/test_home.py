"""The home page for each role, the search, the views of the history, and the verdict in the API."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from simsvc.settings import Settings
from simsvc.values import DecisionDraft, Declaration, Estimate, RecordedEstimate
from simsvc.values.referrals import Addressee, ReferralDraft
from simsvc.web.app import create_app
from simsvc.wiring.erasure import eraser
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.store.helpers import ESTIMATED, REFUSED
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.programs import bearer
from tests.simsvc.web.signed_in import account, signed_in

RELIABLE = replace(ESTIMATED, refer_reason=None)
PRESENT = {"fits": 37, "outside": 60}
"""Ages to declare for `RELIABLE`."""


@pytest.fixture
def app(site: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Return the service over an empty database, with the shared site's model; underwriters see all."""
    database = sqlite_database(tmp_path_factory.mktemp("home") / "simsvc.sqlite3")
    app = create_app(site.model_copy(update={"database_url": database, "case_access": "all"}))
    yield app
    app.extensions["simsvc"].database.close()


def record(
    desk: Services,
    case: str | None = None,
    years: int | None = None,
    answer: Estimate = RELIABLE,
    asked_by: str | None = None,
    name: str = "a.jpg",
) -> RecordedEstimate:
    """Record an answer without running the model."""
    today = datetime.now(UTC).date()
    born = None if years is None else date(today.year - years, 1, 1)
    declared = Declaration(case, born, today)
    return desk.estimates.record(replace(answer, declared=declared, asked_by=asked_by, photo_name=name))


def decide(desk: Services, on: RecordedEstimate, draft: DecisionDraft, by: str = "0" * 32) -> None:
    desk.decisions.add(on.id, draft, by, 0, desk.now())


def listed(html: str) -> list[str]:
    """Return the records of the list, in order."""
    return re.findall(r'class="record-link" href="/estimates/([0-9a-f]{32})"', html)


def tab_counts(html: str) -> dict[str, str]:
    return dict(re.findall(r'href="/\?list=(\w+)#list"[^>]*>[^<]* <span class="count">([^<]*)</span>', html))


def test_the_work_list_is_what_nobody_decided(app: Flask, desk: Services) -> None:
    """The oldest record comes first; a decided one is gone; the navigation counts the rest."""
    first, second, third = (record(desk, f"L-{number}") for number in range(3))
    decide(desk, second, DecisionDraft("override", 40, "passport"))
    client = signed_in(app)
    html = client.get("/").text
    assert listed(html) == [first.id, third.id]
    assert listed(client.get("/?sort=newest").text) == [third.id, first.id]
    assert 'class="nav-count">2<' in html
    assert 'class="nav-count">2<' in client.get("/history").text
    assert checked(html).inline == []


def test_tabs_lead_to_the_records_they_count(app: Flask, desk: Services) -> None:
    """Each tab's number is how many records its list has."""
    me = account(app, "underwriter").id
    record(desk, "L-1", PRESENT["outside"], asked_by=me)
    record(desk, "L-2", PRESENT["fits"])
    record(desk, "L-3", 37, answer=REFUSED, asked_by=me)
    record(desk, "L-4", answer=ESTIMATED)
    sent = record(desk, "L-5")
    decide(desk, sent, DecisionDraft("refer", note="look at the ears"))
    desk.referrals.add(sent.id, ReferralDraft(Addressee(me)), "0" * 32, desk.now())
    decide(desk, record(desk, "L-6"), DecisionDraft("need_more", note="a second photo"))
    client = signed_in(app)
    counts = tab_counts(client.get("/").text)
    assert counts.pop("more") == "1"
    assert counts == {"undecided": "4", "outside": "1", "sent": "1", "unreliable": "1", "today": "2"}
    for name, count in counts.items():
        assert len(listed(client.get(f"/?list={name}").text)) == int(count)
    assert listed(client.get("/?list=sent").text) == [sent.id]
    assert len(listed(client.get("/?list=recent").text)) == 2


def test_a_row_says_where_it_comes_from(app: Flask, desk: Services) -> None:
    """Case with its photos, declared age, estimate, verdict and who asked are in the row, escaped."""
    ben = account(app, "admin", "Ben <b>")
    record(desk, "<i>1</i>", PRESENT["outside"], asked_by=ben.id)
    record(desk, "<i>1</i>", PRESENT["outside"], asked_by=account(app, "underwriter").id)
    html = signed_in(app).get("/").text
    rows = html[html.index("<tbody>") :].split("</tr>")
    assert "&lt;i&gt;1&lt;/i&gt;" in rows[0]
    assert "2 photos" in rows[0]
    assert "Outside" in rows[0]
    assert "(30–45)" in rows[0]  # noqa: RUF001 - as the page writes a range
    assert "Ben &lt;b&gt;" in rows[0]
    assert ">Me" in rows[1].replace("\n", "")


def test_many_records_come_in_pages(app: Flask, desk: Services) -> None:
    """A page has 25 rows; the next one has the others, and keeps list and order."""
    with desk.estimates.together() as recorder:
        for _ in range(26):
            recorder.record(RELIABLE)
    client = signed_in(app)
    html = client.get("/?list=undecided&sort=newest").text
    assert len(listed(html)) == 25
    following = re.search(r'rel="next" href="([^"#]+)', html)
    assert following
    assert len(listed(client.get(following[1].replace("&amp;", "&")).text)) == 1


@pytest.mark.parametrize("query", ["list=none", "sort=id;drop", "page=-1", "page=x"])
def test_an_address_that_asks_for_nothing_shows_the_usual_list(app: Flask, query: str) -> None:
    """What no link has is ignored."""
    response = signed_in(app).get(f"/?{query}")
    assert response.status_code == 200
    assert "Nothing to do here." in response.text


def test_auditors_see_decisions_and_figures(app: Flask, desk: Services) -> None:
    """Decisions of the last 30 days, newest first, with charts; nothing to upload and nothing to decide."""
    first, second = record(desk, "L-1"), record(desk, "L-2")
    decide(desk, first, DecisionDraft("override", 50, "passport says 1975"))
    decide(desk, second, DecisionDraft("refer", note="unsure"))
    record(desk, "L-3")
    auditor = signed_in(app, "auditor")
    html = auditor.get("/").text
    assert listed(html) == [second.id, first.id]
    assert listed(auditor.get("/?list=overrides").text) == [first.id]
    assert "passport says 1975" in html
    assert tab_counts(html) == {"decisions": "2", "overrides": "1", "referrals": "1"}
    assert {"chart-volume", "chart-decisions", "chart-ages"} <= set(re.findall(r'id="(chart-\w+)"', html))
    assert "Drift: not enough estimates" in html
    assert 'type="file"' not in html
    assert "nav-count" not in html
    assert auditor.get("/estimates").status_code == 403


def test_administrators_see_the_state_of_the_service(app: Flask, desk: Services) -> None:
    """Health, queue, storage and accounts that never signed in, besides the work list."""
    desk.accounts.add("Eve Newcomer", "underwriter")
    html = signed_in(app, "admin").get("/").text
    assert "Model: ready" in html
    assert "0 photos waiting" in html
    assert "Eve Newcomer" in html
    assert "chart-volume" in html
    assert 'id="photo"' in html
    assert "Eve Newcomer" not in signed_in(app).get("/").text


def test_the_home_page_says_what_speaks_for_the_estimates(app: Flask, desk: Services) -> None:
    """Reference faces, and this week's figures with their shares."""
    for years in (37, 37, 37, 60):
        record(desk, None, years)
    html = signed_in(app).get("/").text
    assert "30 reference faces" in html
    assert "4 estimates · 25% outside the range · 0% unreliable" in html


def test_a_thumbnail_is_small(app: Flask, desk: Services) -> None:
    """The face of a record is a small JPEG that nobody keeps; a record without a face has none."""
    client = signed_in(app)
    answer = client.get(f"/estimates/{record(desk).id}/thumbnail.jpg")
    assert Image.open(io.BytesIO(answer.data)).format == "JPEG"
    assert answer.headers["Cache-Control"] == "no-store"
    refused = record(desk, answer=REFUSED)
    assert client.get(f"/estimates/{refused.id}/thumbnail.jpg").status_code == 404


def test_a_number_an_id_or_a_case_leads_straight_there(app: Flask, desk: Services) -> None:
    """What is called exactly so opens; where two are, both are listed."""
    one = record(desk, "L-2026-001")
    two = record(desk, "1")
    client = signed_in(app)
    assert client.get("/search?q=%20%232").headers["Location"] == f"/estimates/{two.id}"
    assert client.get(f"/search?q={one.id.upper()}").headers["Location"] == f"/estimates/{one.id}"
    assert client.get("/search?q=L-2026-001").headers["Location"] == "/cases/L-2026-001"
    both = client.get("/search?q=1")
    assert both.status_code == 200
    assert f"/estimates/{one.id}" in both.text
    assert 'href="/cases/1"' in both.text


def test_everything_is_searched(app: Flask, desk: Services) -> None:
    """Cases, file names, notes, reasons, people and index builds are found by a part of them."""
    account(app, "auditor", "Zoe Needle")
    filed = record(desk, "needle-7", name="needle.jpg")
    decide(desk, record(desk), DecisionDraft("refer", note="a NEEDLE in it"))
    decide(desk, record(desk), DecisionDraft("override", 40, "needle work"))
    client = signed_in(app)
    html = client.get("/search?q=needle").text
    assert set(re.findall(r'<h2 id="(\w+)-heading"', html)) == {"cases", "files", "notes", "people"}
    assert f"/estimates/{filed.id}" in html
    assert 'href="/users"' not in html
    assert 'href="/users">Account</a>' in signed_in(app, "admin").get("/search?q=needle").text
    assert "Index builds</h2>" in client.get("/search?q=demo/b").text


@pytest.mark.parametrize("words", ["%", "_", "%25%25", "\\", "<b>x</b>", "' OR 1=1 --", "\x00", "é" * 300])
def test_any_text_can_be_searched_for(app: Flask, desk: Services, words: str) -> None:
    """Signs of patterns, markup and control characters find what has them, which is nothing here."""
    record(desk, "plain", name="plain.jpg")
    response = signed_in(app).get("/search", query_string={"q": words})
    assert response.status_code == 200
    assert "plain.jpg" not in response.text
    assert "<b>x" not in response.text


def test_erased_records_are_not_found(app: Flask, desk: Services) -> None:
    """Neither list, search, history nor counts know an erased record."""
    gone = record(desk, "GONE-1", PRESENT["outside"], name="gone.jpg")
    decide(desk, gone, DecisionDraft("refer", note="gone note"))
    eraser(desk).estimate(gone.id, "command")
    client = signed_in(app)
    for address in ("/", "/?list=sent", "/search?q=gone", f"/search?q={gone.id}", "/search?q=1", "/history"):
        html = client.get(address).text
        assert f"/estimates/{gone.id}" not in html
        assert "GONE-1" not in html


def test_the_history_is_filtered_by_verdict(app: Flask, desk: Services) -> None:
    """Only records with that verdict are listed and exported, with it."""
    outside = record(desk, "L-1", PRESENT["outside"])
    record(desk, "L-2", PRESENT["fits"])
    client = signed_in(app)
    assert listed(client.get("/history?verdict=outside").text) == [outside.id]
    table = client.get("/history/export.csv?verdict=outside", buffered=True).text
    assert table.splitlines()[0].endswith(',"verdict"')
    assert [line.rpartition(",")[2] for line in table.splitlines()[1:]] == ['"outside"']
    assert client.get("/history?verdict=maybe").status_code == 422


def test_a_view_is_saved_without_the_case(app: Flask, client: FlaskClient) -> None:
    """A named filter becomes a tab of its owner alone, keeps no case, and can be deleted."""
    form = {
        "view_name": " Outside,  undecided ",
        "verdict": "outside",
        "decision": "undecided",
        "case": "L-7",
    }
    saved = client.post("/history/views", data=form)
    assert saved.headers["Location"] == "/history?verdict=outside&decision=undecided"
    html = client.get(saved.headers["Location"]).text
    assert re.search(r'class="saved">\s*<a href="[^"]*" aria-current="true">Outside, undecided</a>', html)
    assert "L-7" not in html
    assert "Outside, undecided" not in signed_in(app, "auditor").get("/history").text
    delete = re.search(r'action="(/history/views/[0-9a-f]+/delete)"', html)
    assert delete
    signed_in(app, "auditor").post(delete[1])
    assert "Outside, undecided" in client.get("/history").text
    client.post(delete[1])
    assert 'class="saved"' not in client.get("/history").text


@pytest.mark.parametrize(
    ("name", "words"), [("", "Enter a name"), ("x" * 41, "Enter a name"), ("A", "already")]
)
def test_a_view_that_cannot_be_saved_keeps_what_was_typed(client: FlaskClient, name: str, words: str) -> None:
    """The history comes back with the sentence, the filter and the name."""
    client.post("/history/views", data={"view_name": "A", "status": "refused"})
    response = client.post("/history/views", data={"view_name": name, "status": "withheld"})
    assert response.status_code == 422
    assert words in response.text
    assert f'value="{name}"' in response.text
    assert '<option value="withheld" selected' in response.text


def test_programs_filter_by_verdict(app: Flask, desk: Services) -> None:
    """The list of estimates takes a verdict and says each one's."""
    outside = record(desk, "L-1", PRESENT["outside"])
    record(desk, "L-2")
    headers, client = bearer(app, "audit"), app.test_client()
    found = client.get("/api/v1/estimates?verdict=outside", headers=headers).get_json()["items"]
    assert [(one["id"], one["verdict"]) for one in found] == [(outside.id, "outside")]
    every = client.get("/api/v1/estimates", headers=headers).get_json()["items"]
    assert [one["verdict"] for one in every] == [None, "outside"]
    assert client.get("/api/v1/estimates?verdict=maybe", headers=headers).status_code == 422
