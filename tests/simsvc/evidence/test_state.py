"""What evidence says of accounts, tokens, batches and what is in service, against the log's last word."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from simsvc.domain.audit.evidence import log_files, record_files
from simsvc.store.access.accounts import AccountStore
from simsvc.store.access.tokens import TokenStore
from simsvc.store.audit.evidence import EvidenceStore
from simsvc.store.audit.log import EventLog
from simsvc.store.desk.batches import BatchStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.values import Declaration, NewPhoto
from simsvc.values.access.tokens import Token
from simsvc.values.audit.evidence import (
    FilesInService,
    IndexInService,
    InService,
    ModelInService,
    ProvedEvent,
    ProvedLog,
)
from simsvc.values.events import COMMAND, EventKind, NewEvent
from tests.databases import sqlite_database
from tests.simsvc.evidence.helpers import NOW, Desk, Outcome, checked, make_desk, packed, relisted, verified
from tests.simsvc.store.helpers import ESTIMATED, tamper

TOKEN, BATCH, LABEL = "0123456789ab", "b" * 32, "demo/b-aaaaaaaaaaaa"
FILES = FilesInService("now", 2, 1000, ())
INDEX = IndexInService(LABEL, "11" * 32, FILES)
MODEL = ModelInService("tiny-1", "22" * 32, "33" * 32, None, FILES)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return a desk where an underwriter takes evidence, and a program sent a photo of a batch."""
    desk = make_desk(sqlite_database(tmp_path / "simsvc.sqlite3"))
    desk.taker = AccountStore(desk.database).add("Anna", "anna", "underwriter", NOW).id
    token = Token(TOKEN, "intake", ("estimate",), NOW, None, NOW + timedelta(days=90))
    TokenStore(desk.database).add(token, "dd" * 32)
    sender = f"token:{TOKEN}"
    batches = BatchStore(desk.database, EstimateStore(desk.database))
    batches.add(BATCH, "photos.zip", [NewPhoto("a"), NewPhoto("b")], sender, NOW)
    for position, case in enumerate(("K-1", "K-2")):
        made = replace(ESTIMATED, asked_by=sender, declared=Declaration(case))
        batches.recorder(BATCH, position).record(made)
    yield desk
    desk.database.close()


def taken(desk: Desk) -> Outcome:
    """Return what `verify.py` says of evidence that is taken now."""
    return checked(desk.take())


def serve(desk: Desk, **parts: Any) -> None:
    """Say that something is in service, as of now."""
    desk.served = InService(len(desk.log.leaves()), **parts)


def log_build_and_model(desk: Desk) -> None:
    """Have the log put index and model into service."""
    log = EventLog(desk.database)
    switched = {"switch": 1, "bundle_sha256": MODEL.bundle_sha256, "version": MODEL.version}
    subject = f"index:{LABEL}"
    log.note(NewEvent(EventKind.BUILD, COMMAND, subject, {"manifest_sha256": INDEX.manifest_sha256}))
    log.note(NewEvent(EventKind.INDEX_SWITCH, COMMAND, subject, {"previous": None, "switch": 1}))
    log.note(NewEvent(EventKind.MODEL_SWITCH, COMMAND, "model", switched))


def test_rows_that_nobody_touched_are_as_the_log_says(desk: Desk) -> None:
    """Account, token, batch and photo are each told, in plain words."""
    outcome = taken(desk)
    assert (outcome.status, outcome.failures) == (0, "")
    assert (
        f"Account {desk.taker} is as the log says: disabled no, mail none, role underwriter" in outcome.text
    )
    assert f"Token {TOKEN} is as the log says:" in outcome.text
    assert f"Batch {BATCH} is as the log says: by token:{TOKEN}, photos 2." in outcome.text
    assert f"Photo {BATCH}/0 of a batch became record" in outcome.text
    assert f"Photo {BATCH}/1" not in outcome.text


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE users SET role = 'admin'",
            "role is admin, but the log's last word (event 10) is underwriter",
        ),
        ("UPDATE users SET disabled_at = '2026-11-30 12:00:00'", "disabled is yes, but the log's last word"),
        ("UPDATE users SET totp_secret = x'00'", "keys_sha256 is another one than in the log's last word"),
        ("DELETE FROM users", "is missing, but the log's last word on it is event 10"),
        ("UPDATE tokens SET scopes = '[\"admin\"]'", "scopes is admin, but the log's last word"),
        ("UPDATE tokens SET expires_at = '2036-01-01'", "expires_at is 2036-01-01T00:00:00+00:00, but"),
        ("UPDATE batches SET asked_by = 'ben'", "by is user:ben, but the log's last word"),
        ("UPDATE batch_photos SET age_years = 20", "age_years is 20.0, but its record says 37.123456789"),
        ("UPDATE batch_photos SET estimate_id = 'x'", "its result is x, but the log's last word"),
        ("DELETE FROM batch_photos WHERE position = 0", f"Photo {BATCH}/0 of a batch is missing, but"),
        ("UPDATE events SET subject = 'user:x' WHERE kind = 'account'", "has no event: it was not written"),
    ],
)
def test_a_row_that_was_changed_is_named(desk: Desk, statement: str, words: str) -> None:
    """By the database's owner, past the log."""
    tamper(desk.database, statement)
    outcome = taken(desk)
    assert outcome.status == 1
    assert words in outcome.failures


def test_a_change_with_an_event_is_no_fault(desk: Desk, tmp_path: Path) -> None:
    """Earlier and later evidence each say what was so then."""
    before = packed(desk.take(), tmp_path / "before.zip")
    AccountStore(desk.database).change_role(desk.taker, "admin", NOW)
    TokenStore(desk.database).revoke(TOKEN, None, NOW)
    outcome = verified(before, "--later", packed(desk.take(), tmp_path / "later.zip"))
    assert (outcome.status, outcome.failures) == (0, "")
    assert "role underwriter" in outcome.text
    assert "role admin" in outcome.text


@pytest.mark.parametrize(("case", "told"), [("K-2", True), ("K-1", False)])
def test_an_erased_record_of_the_batch_is_no_fault(desk: Desk, case: str, told: bool) -> None:
    """Whether of another case, or of this one, of which nothing is left to tell then."""
    desk.erase(EstimateStore(desk.database).of_case(case)[-1].id)
    outcome = taken(desk)
    assert (outcome.status, outcome.failures) == (0, "")
    assert (f"Photo {BATCH}/0 of a batch became record" in outcome.text) == told


def test_the_word_of_earlier_evidence_counts_for_the_later(desk: Desk, tmp_path: Path) -> None:
    """Whoever leaves an account's last event out of later evidence is contradicted by the earlier one."""
    before = packed(desk.take(), tmp_path / "before.zip")
    tamper(desk.database, "UPDATE users SET role = 'admin'")
    later = desk.take()
    lines = later["log/events.jsonl"].decode().splitlines(keepends=True)
    without = "".join(line for line in lines if '"account' not in line.replace("\\", ""))
    fewer = relisted({**later, "log/events.jsonl": without.encode()})
    outcome = verified(before, "--later", packed(fewer, tmp_path / "later.zip"))
    assert "role is admin, but the log's last word" in outcome.failures


def test_who_acted_cannot_be_left_out(desk: Desk) -> None:
    """An account or a token that acted on the records must be part of state.json."""
    files = desk.take()
    state = json.loads(files["state.json"])
    for table in ("users", "tokens"):
        fewer = {**state, table: {}}
        outcome = checked(relisted({**files, "state.json": json.dumps(fewer).encode()}))
        assert "state.json says nothing of" in outcome.failures, table


def test_someone_without_account_and_event_is_noted(desk: Desk) -> None:
    """Which is no fault: nothing was ever logged of such an account."""
    outcome = taken(desk)
    assert f"note   Account {'b' * 32} is in no table, and no event says that it ever was." in outcome.lines


def test_what_is_in_service_is_as_the_log_says(desk: Desk) -> None:
    """Build, model, and the files of both."""
    log_build_and_model(desk)
    serve(desk, index=INDEX, model=MODEL)
    outcome = taken(desk)
    assert (outcome.status, outcome.failures) == (0, "")
    assert f"Index build {LABEL} was in service, as the log says." in outcome.text
    assert "Model tiny-1 (222222222222) was in service, as event" in outcome.text
    assert outcome.text.count("has the files that were listed when it was made: 2 hashed.") == 2


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (
            replace(INDEX, label="demo/b-other"),
            "was put into service without simsvc: the log does not have it",
        ),
        (replace(INDEX, manifest_sha256="99" * 32), "has another manifest than the log says, or none"),
        (replace(INDEX, manifest_sha256=None), "has another manifest than the log says, or none"),
        (
            replace(INDEX, files=replace(FILES, changed=("copies.npy",))),
            "not as listed when it was made: copies",
        ),
    ],
)
def test_an_index_that_was_not_logged_is_named(desk: Desk, index: IndexInService, words: str) -> None:
    """Another build, another manifest, a manifest that cannot be read, and a changed file."""
    log_build_and_model(desk)
    serve(desk, index=index)
    assert words in taken(desk).failures


def test_a_build_that_was_not_switched_to_is_named(desk: Desk) -> None:
    """The log's last switch is to another one."""
    log_build_and_model(desk)
    log = EventLog(desk.database)
    log.note(
        NewEvent(EventKind.INDEX_SWITCH, COMMAND, "index:demo/b-other", {"previous": LABEL, "switch": 2})
    )
    serve(desk, index=INDEX)
    failures = taken(desk).failures
    assert "is named as the one in service, but the log's last word" in failures
    assert "is demo/b-other" in failures


def test_a_switch_after_looking_is_no_fault(desk: Desk) -> None:
    """What is in service is compared with the log of the moment at which it was looked at."""
    log_build_and_model(desk)
    serve(desk, index=INDEX)
    log = EventLog(desk.database)
    log.note(
        NewEvent(EventKind.INDEX_SWITCH, COMMAND, "index:demo/b-other", {"previous": LABEL, "switch": 2})
    )
    assert taken(desk).failures == ""


def test_a_model_that_was_not_logged_is_named(desk: Desk) -> None:
    """Unless it came with simsvc and waits to be used."""
    log_build_and_model(desk)
    other = replace(MODEL, bundle_sha256="44" * 32)
    serve(desk, model=other)
    assert "was put there without simsvc: the log does not have it" in taken(desk).failures
    serve(desk, model=replace(other, origin="shipped"))
    outcome = taken(desk)
    assert outcome.failures == ""
    assert "is installed, and was not in service yet" in outcome.text


def test_files_too_large_to_hash_are_noted(desk: Desk) -> None:
    """It is said when they were hashed, and which of them had changed then."""
    log_build_and_model(desk)
    large = FilesInService("background", 9, 12 << 30, ())
    serve(
        desk,
        index=replace(INDEX, files=large),
        model=replace(MODEL, files=replace(large, changed=("a.onnx",))),
    )
    outcome = taken(desk)
    assert f"The files of Index build {LABEL} (12.9 GB) were not hashed for this, but lately" in outcome.text
    assert "has files that are not as listed when it was made: a.onnx" in outcome.failures


def test_evidence_of_the_first_format_holds(desk: Desk, tmp_path: Path) -> None:
    """As simsvc wrote it before there was state.json."""
    outcome = verified(packed(first_format(desk), tmp_path / "old.zip"), "--key", desk.log.signer.vkey)
    assert (outcome.status, outcome.failures) == (0, "")
    assert "Evidence of this format says nothing of accounts" in outcome.text


def first_format(desk: Desk) -> dict[str, bytes]:
    """Take evidence of the first record as simsvc did before format 2."""
    gathered = EvidenceStore(desk.database).gather(None, [desk.first])
    files = record_files(gathered.records[0])
    subject = f"estimate:{desk.first}"
    content = {
        "what": "evidence",
        "format": "zip",
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "seqs": [one.event.seq for one in gathered.events if one.event.subject == subject],
        "records": 1,
    }
    noted = EventLog(desk.database).note(NewEvent(EventKind.EXPORT, COMMAND, subject, content))
    events = (*gathered.events, *EvidenceStore(desk.database).events([noted.seq]))
    checkpoint = desk.log.checkpoint()
    proved = tuple(
        ProvedEvent(one, tuple(desk.log.inclusion(one.event.seq - 1, checkpoint.size))) for one in events
    )
    return relisted({**files, **log_files(ProvedLog(checkpoint.note, desk.log.keys(), (), proved))})


def test_only_the_first_event_of_what_tables_held_counts(desk: Desk) -> None:
    """One is written when the log begins to cover the tables; it is the word on rows without another."""
    older = AccountStore(desk.database).add("Ben", "ben", "admin", NOW).id
    desk.taker = older
    facts = {"role": "admin", "disabled": False}
    log, subject = EventLog(desk.database), f"user:{older}"
    tamper(desk.database, f"UPDATE events SET subject = 'user:x' WHERE subject = '{subject}'")  # noqa: S608
    assert "has no event" in taken(desk).failures
    log.note(NewEvent(EventKind.SETTINGS, COMMAND, "state", {"users": {older: facts}}))
    log.note(NewEvent(EventKind.SETTINGS, COMMAND, "state", {"users": {older: {"role": "auditor"}}}))
    outcome = taken(desk)
    assert outcome.failures == ""
    assert f"Account {older} is as the log says: disabled no, mail none, role admin" in outcome.text


def test_evidence_without_its_state_is_named(desk: Desk) -> None:
    """Also where it is made to look like that of the first format."""
    files = desk.take()
    fewer = {name: data for name, data in files.items() if name != "state.json"}
    assert "state.json is missing" in checked(fewer).failures
    assert "or more was: state.json" in checked(relisted(fewer)).failures
