"""Every page, route, export and command meets what was erased, of every kind: none fails, none shows it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from simsvc.adapters.crypto.fernet_cipher import new_key
from simsvc.flows.estimates.estimate import estimate
from simsvc.store.tables import EstimateRow
from simsvc.values import DecisionDraft, Declaration
from simsvc.web.security.scopes import SCOPES_OF
from simsvc.wiring.erasure import eraser
from simsvc.wiring.services import Services
from tests.simsvc.cli.helpers import command_app
from tests.simsvc.web.helpers import judge_next
from tests.simsvc.web.programs import bearer
from tests.simsvc.web.security.helpers import PERIODS
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo, make_small_site

MARK = "zqxmarkofwhatiserased"
"""Stands in all names, cases, notes and keys of what is erased; too long to occur in a picture by chance."""
CASE, NAME, NOTE, KEY = f"CASE-{MARK}", f"{MARK}-portrait.jpg", f"note {MARK}", f"key-{MARK}"


@dataclass(frozen=True)
class Erased:
    """What was erased.

    Attributes:
        app: the service.
        kinds: what each kind of record was, to its id.
        batch: the batch that the photos were of.
        face: a labelled face that estimates name as neighbour.
        build: "name/build" that holds it.
        kept: an estimate that was not erased, and has that face as neighbour.
    """

    app: Flask
    kinds: dict[str, str]
    batch: str
    face: str
    build: str
    kept: str


KINDS = ("alone", "in a case", "decided twice", "refused", "of a batch", "under a key")


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erased]:
    folder = tmp_path_factory.mktemp("erased")
    site = make_small_site(folder, faces=15)
    app = command_app(
        site.model_copy(
            update={"photo_days": 30, "photo_keys": (new_key(),), "api_rate": "9000000 per minute"}
        )
    )
    desk: Services = app.extensions["simsvc"]
    build, kinds = desk.shelf.current() or "", _records(app, desk)
    photos = [(NAME, drawn_photo(5003)), (f"w-{NAME}", drawn_photo(5004)), ("other.jpg", drawn_photo(5005))]
    batch = desk.batches.take_in(iter(photos), f"{MARK} family", "0" * 32, lambda: {f"w-{NAME}": f"W-{CASE}"})
    judge_next(desk, batch)
    kinds["of a batch"] = desk.batch_book.photos(batch)[0].estimate_id or ""
    kept = estimate(drawn_photo(5000), "kept.jpg", desk.pipeline(), declared=Declaration("KEPT"))
    face = kept.estimate.neighbours[0].face_id
    for kind, record in kinds.items():
        if kind != "in a case":
            eraser(desk).estimate(record, "command")
    eraser(desk).case(CASE, "command")
    eraser(desk).case(f"W-{CASE}", "command")  # its photo still waits
    eraser(desk).face(face, "command")
    yield Erased(app, kinds, batch, face, build, kept.id)
    desk.database.close()


def _records(app: Flask, desk: Services) -> dict[str, str]:
    def judged(seed: int, case: str | None = None, photo: bytes | None = None) -> str:
        declared = Declaration(case, date(1980, 2, 29), date(2020, 6, 1))
        data = drawn_photo(seed) if photo is None else photo
        record = estimate(data, NAME, desk.pipeline(), declared=declared)
        desk.decisions.add(record.id, DecisionDraft("refer", note=NOTE), "0" * 32, 0, desk.now())
        return record.id

    twice = judged(5002)
    desk.decisions.add(twice, DecisionDraft("refer", note=f"second {NOTE}"), "0" * 32, 1, desk.now())
    sent = {"photo": (io.BytesIO(drawn_photo(5006)), NAME), "case": f"K-{CASE}"}
    headers = {**bearer(app, "estimate"), "Idempotency-Key": KEY}
    by_key = app.test_client().post("/api/v1/estimates", data=sent, headers=headers).get_json()
    return {
        "alone": judged(5000),
        "in a case": judged(5001, CASE),
        "decided twice": twice,
        "refused": judged(0, photo=b"no photo"),
        "under a key": by_key["id"],
    }


def addresses(erased: Erased, record: str) -> Iterator[tuple[Rule, str, str]]:
    """Give rule, method and address of every route, with the ids of what was erased in it."""
    index_name, _, build_id = erased.build.partition("/")
    values: dict[str, object] = {
        "public_id": record,
        "reference": CASE,
        "batch_id": erased.batch,
        "face_id": erased.face,
        "index_name": index_name,
        "build_id": build_id,
        "rank": 1,
        "filename": "simsvc.css",
        "name": "loss",
        "form": "jsonl",
    }
    for rule in erased.app.url_map.iter_rules():
        if rule.endpoint in {"sign_in.leave", "batches.create", "indexes.use"}:
            continue
        known = {name: values.get(name, "0" * 64) for name in rule.arguments}
        with erased.app.test_request_context():
            path = erased.app.url_map.bind("").build(
                rule.endpoint, known, method=next(iter((rule.methods or {"GET"}) - {"HEAD", "OPTIONS"}))
            )
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            yield rule, method, f"{path}?{PERIODS}" if path.endswith("/drift") else path


@pytest.mark.parametrize("kind", KINDS)
def test_no_route_fails_or_shows_what_was_erased(erased: Erased, kind: str) -> None:
    """Asked for an erased record, a page, picture, PDF, export, replay or decision says so, and no more."""
    browser, program = signed_in(erased.app, "admin"), erased.app.test_client()
    headers, seen = bearer(erased.app), 0
    for rule, method, path in addresses(erased, erased.kinds[kind]):
        client, sent = (program, headers) if rule.endpoint in SCOPES_OF else (browser, {})
        answer = client.open(path, method=method, headers=sent)
        assert answer.status_code < 500, (method, path, answer.text)
        body = answer.data.replace(path.encode(), b"").replace(CASE.encode(), b"")
        assert MARK.encode() not in body, (method, path)
        answer.close()  # a stream that is left open keeps its turn
        seen += 1
    assert seen > 60


def test_a_record_that_is_erased_is_told_as_that(erased: Erased) -> None:
    """Pages and the API answer 410 for each kind; pictures, sheets and replays give nothing."""
    browser, program, headers = signed_in(erased.app, "admin"), erased.app.test_client(), bearer(erased.app)
    for record in erased.kinds.values():
        assert browser.get(f"/estimates/{record}").status_code == 410
        assert browser.get(f"/estimates/{record}/record.pdf", buffered=True).status_code == 410
        assert browser.get(f"/estimates/{record}/crop.png").status_code in {404, 410}
        assert browser.get(f"/estimates/{record}/saliency.png").status_code == 410
        assert program.get(f"/api/v1/estimates/{record}", headers=headers).status_code == 410
        assert program.post(f"/api/v1/estimates/{record}/replay", headers=headers).status_code == 410


def test_the_batch_of_an_erased_photo_is_shown(erased: Erased) -> None:
    """Page and table say which place is erased, the other photos stay, and the batch has no name any more."""
    browser = signed_in(erased.app, "admin")
    page = browser.get(f"/batches/{erased.batch}")
    assert (page.status_code, page.text.count("Erased photo")) == (200, 2)
    assert "other.jpg" in page.text
    assert f"/estimates/{erased.kinds['of a batch']}" not in page.text
    table = browser.get(f"/batches/{erased.batch}/results.csv", buffered=True)
    assert (table.status_code, table.text.count("erased")) == (200, 4)
    assert MARK not in page.text + table.text + browser.get("/batches").text
    assert "Name erased" in browser.get("/batches").text
    browser.set_cookie("language", "zh_Hans")
    assert "已删除" in browser.get(f"/batches/{erased.batch}").text


@pytest.mark.parametrize("path", ["", "/faces/1", "/record.pdf", "?saliency=1", "/saliency.png"])
def test_a_record_whose_neighbour_was_erased_is_shown(erased: Erased, path: str) -> None:
    """The estimate stands, without the face's picture or name."""
    answer = signed_in(erased.app, "admin").get(f"/estimates/{erased.kept}{path}")
    assert answer.status_code == 200
    assert MARK.encode() not in answer.data


def test_an_erased_request_is_not_repeated_from_memory(erased: Erased) -> None:
    """The same Idempotency-Key makes a new record: nothing of the erased request is known any more."""
    sent = {"photo": (io.BytesIO(drawn_photo(5006)), "again.jpg")}
    headers = {**bearer(erased.app, "estimate"), "Idempotency-Key": KEY.replace(MARK, "new")}
    answer = erased.app.test_client().post("/api/v1/estimates", data=sent, headers=headers)
    assert answer.status_code == 201
    assert answer.get_json()["id"] != erased.kinds["under a key"]


def test_commands_show_nothing_of_it(erased: Erased, tmp_path: Path) -> None:
    """Log, checkpoint, replay, erasing again and the list of keys neither fail nor tell."""
    run = erased.app.test_cli_runner().invoke
    record = erased.kinds["alone"]
    checkpoint = str(tmp_path / "checkpoint")
    for words, status in (
        (("audit", "verify"), 0),
        (("audit", "checkpoint", "--out", checkpoint), 0),
        (("audit", "prove", checkpoint), 0),
        (("replay", record), 1),
        (("erase", "estimate", record, "--yes"), 1),
        (("erase", "case", CASE, "--yes"), 1),
        (("erase", "face", erased.face, "--yes"), 1),
        (("erase", "finish"), 0),
        (("retention", "run"), 0),
    ):
        result = run(args=words)
        assert result.exit_code == status, (words, result.output)
        assert MARK not in result.output
        assert "Traceback" not in result.output


def test_no_file_holds_a_byte_of_it(erased: Erased) -> None:
    """Names, cases, notes and keys of what was erased are in no file of the service."""
    desk: Services = erased.app.extensions["simsvc"]
    home = desk.settings.bundle_dir.parent
    assert eraser(desk).unfinished() == 0
    holding = [path for path in home.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes()]
    assert holding == []
    with desk.database.reading() as session:
        left = {row.public_id for row in session.query(EstimateRow)}
    assert not left & set(erased.kinds.values())
