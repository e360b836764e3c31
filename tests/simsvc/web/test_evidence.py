from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.values import DecisionDraft, Declaration, RecordedEstimate
from simsvc.values.events import EventKind
from simsvc.web.app import create_app
from simsvc.wiring.erasure import eraser
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.evidence.helpers import verified, verified_alone
from tests.simsvc.store.helpers import tamper
from tests.simsvc.web.programs import program
from tests.simsvc.web.records import recorded
from tests.simsvc.web.signed_in import account, client_of, signed_in
from tests.small_site import drawn_photo, make_small_site, moved_to


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return an installation whose index in service is the one that its own log has last."""
    return make_small_site(tmp_path_factory.mktemp("evidence"))


def judged(desk: Services, seed: int, case: str, by: str | None = None) -> RecordedEstimate:
    declared = Declaration(case, date(1990, 5, 4), date(2024, 6, 1))
    return estimate(drawn_photo(seed), f"{seed}.jpg", desk.pipeline(), asked_by=by, declared=declared)


def kept(answer: TestResponse, place: Path) -> Path:
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    place.write_bytes(answer.data)
    answer.close()  # it keeps its turn until then
    return place


def test_evidence_of_a_case_is_checked_without_simsvc(app: Flask, desk: Services, tmp_path: Path) -> None:
    """Two photos, two decisions, the model, its card and the index build, by page and by API."""
    first, second = judged(desk, 5001, "Beweis/甲"), judged(desk, 5002, "Beweis/甲")
    who = account(app, "underwriter").id
    desk.decisions.add(first.id, DecisionDraft("need_more", note="护照"), who, 0, desk.now())
    desk.decisions.add(first.id, DecisionDraft("accept"), who, 1, desk.now())
    auditor = signed_in(app, "auditor")
    taken = kept(auditor.get("/evidence/cases/Beweis/甲"), tmp_path / "case.zip")
    key = str(desk.log_keeper.verifier_key())
    outcome = verified_alone(taken, "--key", key)
    assert (outcome.status, outcome.failures) == (0, "")
    assert f"handed over by user:{account(app, 'auditor').id}" in outcome.text
    with zipfile.ZipFile(taken) as archive:
        names = set(archive.namelist())
    model, build = first.estimate.bundle_sha256, first.estimate.index
    assert {f"records/{one.id}.json" for one in (first, second)} < names
    assert {
        f"crops/{first.id}.png",
        f"models/{model}/model.json",
        f"builds/{build}.json",
    } < names
    sent = program(app, "audit").get("/api/v1/cases/Beweis/甲/evidence")
    assert verified(kept(sent, tmp_path / "api.zip"), "--key", key).status == 0
    assert (
        sent.headers["Content-Disposition"] == f"attachment; filename=evidence-of-record-{first.number}.zip"
    )


def test_evidence_holds_after_another_record_of_the_case_was_erased(
    app: Flask, desk: Services, tmp_path: Path
) -> None:
    """Evidence from before and from after the erasure both hold."""
    judged(desk, 5003, "erased/1")
    gone = judged(desk, 5004, "erased/1")
    admin = signed_in(app, "admin")
    before = kept(admin.get("/evidence/cases/erased/1"), tmp_path / "before.zip")
    eraser(desk).estimate(gone.id, "command")
    after = kept(admin.get("/evidence/cases/erased/1"), tmp_path / "after.zip")
    for place in (before, after):
        outcome = verified(place)
        assert (outcome.status, outcome.failures) == (0, "")
    assert gone.id.encode() not in b"".join(_files(after).values())


def test_evidence_of_a_damaged_log_is_given(site: Settings, tmp_path: Path) -> None:
    """By page and by API, with status 200: what is wrong stands in the evidence, for whoever checks it."""
    moved = moved_to(site, sqlite_database(tmp_path / "simsvc.sqlite3"))
    app = create_app(moved.model_copy(update={"log_key_file": tmp_path / "keys" / "log-key.pem"}))
    database = app.extensions["simsvc"].database
    recorded(app, account(app, "underwriter"), "damaged/1")
    auditor, sender = signed_in(app, "auditor"), program(app, "audit")
    kept(auditor.get("/evidence/cases/damaged/1"), tmp_path / "before.zip")
    tamper(
        database,
        "DELETE FROM event_contents WHERE seq = (SELECT max(seq) FROM events)",
        "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)",
    )
    for answer in (
        auditor.get("/evidence/cases/damaged/1"),
        sender.get("/api/v1/cases/damaged/1/evidence"),
    ):
        outcome = verified(kept(answer, tmp_path / "after.zip"))
        assert "The log was damaged when this was taken" in outcome.failures
    database.close()


def _files(place: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(place.read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_only_who_sees_a_case_takes_evidence_of_it(app: Flask, tmp_path: Path) -> None:
    """An underwriter takes evidence of her own case; that of another one is not there for her."""
    anna, ben = account(app, "underwriter", "anna"), account(app, "underwriter", "ben")
    recorded(app, anna, "of-anna")
    assert verified(kept(client_of(app, anna).get("/evidence/cases/of-anna"), tmp_path / "a.zip")).status == 0
    assert client_of(app, ben).get("/evidence/cases/of-anna").status_code == 404
    assert app.test_client().get("/evidence/cases/of-anna").status_code == 303
    assert program(app, "estimate").get("/api/v1/cases/of-anna/evidence").status_code == 403
    assert program(app, "audit").get("/api/v1/cases/none/evidence").status_code == 404


def test_the_case_page_offers_it_and_tells_of_it(app: Flask, desk: Services) -> None:
    """A link on the page, and one entry of the timeline for all records."""
    first, second = (recorded(app, account(app, "underwriter"), "told") for _ in range(2))
    auditor = signed_in(app, "auditor")
    shown = auditor.get("/cases/told").get_data(as_text=True)
    assert "/evidence/cases/told" in shown
    assert auditor.get("/evidence/cases/told", buffered=True).status_code == 200
    shown = auditor.get("/cases/told").get_data(as_text=True)
    assert shown.count("Evidence taken") == 1
    subjects = [
        logged.event.subject
        for logged in desk.cases.events([first, second])
        if logged.event.kind == EventKind.EXPORT
    ]
    assert subjects == [f"estimate:{first}", f"estimate:{second}"]
