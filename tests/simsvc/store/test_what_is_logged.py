from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from simsvc.domain.gallery.manifest import manifest_sha256
from simsvc.errors import DecisionSuperseded, LastAdmin, NameTaken, PhotoTooManyBytes
from simsvc.flows.audit.log_start import log_start
from simsvc.flows.audit.served import admit_model
from simsvc.flows.audit.verify_log import verify
from simsvc.settings import load_settings
from simsvc.store.access.accounts import AccountStore
from simsvc.store.access.sessions import NewSession, SessionStore
from simsvc.store.audit.log import EventLog
from simsvc.store.audit.served_log import ServedLog
from simsvc.store.database import Database
from simsvc.store.desk.batches import BatchStore
from simsvc.store.index.builds import BuildStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.records.switches import ModelSwitchStore, SwitchStore
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.values import AgePriorUse, Client, DecisionDraft, NewPhoto
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.wiring.services import shown
from tests.simsvc.store.helpers import BUILD, ESTIMATED, FACES, REFUSED

NOW = datetime(2026, 5, 4, tzinfo=UTC)
Said = tuple[str, str, str, dict[str, object]]


def logged(database: Database, after: int = 1) -> list[Said]:
    """Return kind, actor, subject and content of the events after the first."""
    with EventLog(database).snapshot() as snapshot:
        found = snapshot.after(after)
    return [
        (entry.event.kind, entry.event.actor, entry.event.subject, json.loads(entry.content or "{}"))
        for entry in found
    ]


def test_estimates_and_decisions_are_logged_with_who_asked(database: Database) -> None:
    """One event each, about the estimate; a program without an account is one; a refused decision is none."""
    estimates, decisions = EstimateStore(database), DecisionStore(database)
    record = estimates.record(ESTIMATED)
    refused = estimates.record(REFUSED)
    decisions.add(record.id, DecisionDraft("accept"), "u1", 0, NOW)
    with pytest.raises(DecisionSuperseded):
        decisions.add(record.id, DecisionDraft("accept"), "u1", 0, NOW)
    assert [said[:3] for said in logged(database)] == [
        ("estimate", f"user:{ESTIMATED.asked_by}", f"estimate:{record.id}"),
        ("estimate", "program", f"estimate:{refused.id}"),
        ("decision", "user:u1", f"estimate:{record.id}"),
    ]


def test_facts_that_came_later_are_absent_where_they_are_unknown(database: Database) -> None:
    """Engine, prior and doubt are logged where a record has them, and both kinds of record verify."""
    estimates = EstimateStore(database)
    estimates.record(ESTIMATED)
    used = AgePriorUse("18-75", "cd" * 32, 16.25)
    estimates.record(replace(ESTIMATED, engine="openvino int8", age_prior=used, doubt=0.1 + 0.2))
    earlier, later = (content for *_, content in logged(database))
    assert not {"engine", "age_prior", "doubt"} & earlier.keys()
    assert later["age_prior"] == {"ages": "18-75", "sha256": "cd" * 32, "model_age_years": 16.25}
    assert (later["engine"], later["doubt"]) == ("openvino int8", 0.1 + 0.2)
    with EventLog(database).snapshot() as snapshot:
        assert verify(snapshot, lambda _done, _total: None).broken is None


def test_measures_that_came_later_are_absent_where_they_are_unknown(database: Database) -> None:
    """The log of a record of an earlier version still fits: it never named what was not measured then."""
    estimates = EstimateStore(database)
    assert ESTIMATED.quality is not None
    estimates.record(replace(ESTIMATED, quality=replace(ESTIMATED.quality, yaw=None)))
    estimates.record(replace(ESTIMATED, quality=replace(ESTIMATED.quality, turned_deg=0, border_gap=0.3)))
    before, now = (said[3]["quality"] for said in logged(database))
    measured = {"sharpness", "luminance", "dark_share", "bright_share", "face_px", "yaw", "roll_deg", "pitch"}
    assert set(before) == measured  # type: ignore[call-overload]
    assert set(now) == {*measured, "turned_deg", "border_gap"}  # type: ignore[call-overload]
    with EventLog(database).snapshot() as snapshot:
        assert verify(snapshot, lambda _done, _total: None).broken is None


def test_changes_of_accounts_are_logged_with_who_made_them(database: Database) -> None:
    """Each change is one event; what failed is none; names, passwords and links never stand in it."""
    store = AccountStore(database).acting("user:boss")
    user = store.add("Zaphod", "zaphod", "admin", NOW)
    store.invite(user.id, "aa" * 32, NOW + timedelta(hours=1))
    store.accept("aa" * 32, "hash-of-a-password", NOW)
    with suppress(NameTaken):
        store.add("Zaphod", "zaphod", "admin", NOW)
    with suppress(LastAdmin):
        store.disable(user.id, NOW)
    store.enable(user.id)
    store.set_password(user.id, "another-hash")
    own, subject = f"user:{user.id}", f"user:{user.id}"
    found = logged(database)
    digests = [str(said.pop("keys_sha256")) for *_, said in found]
    assert [len(digest) for digest in digests] == [64] * 5
    assert digests[3] == digests[2]  # opening an account changes nothing that opens it
    assert len(set(digests)) == 4
    assert found == [
        ("account", "user:boss", subject, {"change": "added", "role": "admin", "team": "", "mail": "none"}),
        ("account", "user:boss", subject, {"change": "invited"}),
        ("account", own, subject, {"change": "link_used"}),
        ("account", "user:boss", subject, {"change": "enabled"}),
        ("account", own, subject, {"change": "password_set"}),
    ]


def test_sign_ins_and_failures_are_logged(database: Database) -> None:
    """A refused name that no account has is logged without it: it may be a password in the wrong field."""
    store = AccountStore(database)
    user = store.add("Anna", "anna", "auditor", NOW)
    store.succeed(user.id, NOW, Client("a", "b"))
    store.refuse("anna", None)
    store.refuse("my secret password", None)
    store.refuse("anna", NOW)
    store.end_sessions(user.id)
    own = f"user:{user.id}"
    assert logged(database)[1:] == [
        ("sign_in", own, own, {"outcome": "succeeded", "method": "password"}),
        ("sign_in", "visitor", own, {"outcome": "refused", "method": "password"}),
        ("sign_in", "visitor", "visitor", {"outcome": "refused", "method": "password"}),
        (
            "sign_in",
            "visitor",
            own,
            {"outcome": "refused", "method": "password", "slowed_until": NOW.isoformat()},
        ),
        ("sign_in", own, own, {"outcome": "signed_out", "sessions": "all"}),
    ]


def test_switches_and_batches_are_logged(database: Database) -> None:
    """A switch names the build before; one that fails is not logged; a batch says how many photos it has."""
    switches, batches = SwitchStore(database), BatchStore(database, EstimateStore(database))
    with switches.recording("demo/b-2", "demo/b-1", "u1", NOW):
        pass
    with suppress(OSError), switches.recording("demo/b-3", "demo/b-2", None, NOW):
        raise OSError
    refusal = PhotoTooManyBytes("in_batch")
    batches.add("b" * 32, "photos.zip", [NewPhoto("a"), NewPhoto("b", refusal=refusal)], "u1", NOW)
    batches.give_up("b" * 32, 0, refusal)
    assert logged(database) == [
        (
            "index_switch",
            "user:u1",
            "index:demo/b-2",
            {"previous": "demo/b-1", "switch": 1, "manifest_sha256": None},
        ),
        ("batch", "user:u1", f"batch:{'b' * 32}", {"photos": 2, "refused": 1}),
        ("batch", "program", f"batch:{'b' * 32}", {"position": 0, "given_up": "photo_too_many_bytes"}),
        (
            "batch",
            "program",
            f"batch:{'b' * 32}",
            {"what": "ended", "results": ["failed:photo_too_many_bytes", "refused:photo_too_many_bytes"]},
        ),
    ]


def test_sessions_that_somebody_ends_are_logged(database: Database) -> None:
    """Once for all of an account, with who did it; where there is none, nothing is logged."""
    user = AccountStore(database).add("Anna", "anna", "auditor", NOW)
    sessions = SessionStore(database, timedelta(hours=8), timedelta(hours=1))
    sessions.begin(NewSession("ab" * 32, user, "password"), NOW)
    sessions.begin(NewSession("cd" * 32, user, "password"), NOW)
    numbers = [session.number for session in sessions.of(user.id, NOW)]
    for _ in range(2):
        sessions.end(user.id, "user:boss", numbers)
    assert logged(database)[1:] == [
        ("session", "user:boss", f"user:{user.id}", {"outcome": "session_ended", "sessions": 2})
    ]


def test_a_build_is_logged_once_for_each_manifest(database: Database) -> None:
    """Recording it again, for example when it is put into service, logs nothing; a switch says its digest."""
    builds = BuildStore(database)
    for _ in range(2):
        builds.record(BUILD, FACES)
    with SwitchStore(database).recording(BUILD.label, None, None, NOW):
        pass
    digest = manifest_sha256(BUILD)
    made = {"what": "made", "manifest_sha256": digest, "model_sha256": "aa" * 32, "faces": 2}
    switched = {"previous": None, "switch": 1, "manifest_sha256": digest}
    assert logged(database) == [
        ("build", "command", f"index:{BUILD.label}", made),
        ("index_switch", "command", f"index:{BUILD.label}", switched),
    ]


def test_a_model_is_logged_when_it_begins_to_answer(database: Database) -> None:
    """Several workers log it once."""
    for _ in range(2):
        ModelSwitchStore(database).note("ab" * 32, "cd" * 32, "face-1", NOW)
    said = {"switch": 1, "bundle_sha256": "ab" * 32, "model_sha256": "cd" * 32, "version": "face-1"}
    assert logged(database) == [("model_switch", "program", f"model:{'ab' * 32}", said)]


def test_the_results_of_a_batch_are_logged_when_none_waits_any_more(database: Database) -> None:
    """Once, after the event of its last record, also where two judge its last photos at the same time."""
    batches = BatchStore(database, EstimateStore(database))
    batches.add("b" * 32, "photos.zip", [NewPhoto(str(number)) for number in range(8)], "u1", NOW)
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(lambda place: batches.recorder("b" * 32, place).record(ESTIMATED), range(8)))
    assert [kind for kind, *_ in logged(database)] == ["batch", *["estimate"] * 8, "batch"]
    assert logged(database)[-1][3] == {"what": "ended", "results": [record.id for record in records]}


def test_a_batch_without_a_usable_photo_ends_at_once(database: Database) -> None:
    """Its refusals are logged with it."""
    batches = BatchStore(database, EstimateStore(database))
    batches.add("b" * 32, "a.zip", [NewPhoto("a", refusal=PhotoTooManyBytes("in_batch"))], "u1", NOW)
    assert logged(database)[-1][3] == {"what": "ended", "results": ["refused:photo_too_many_bytes"]}


def test_a_start_is_logged_where_it_differs(database: Database) -> None:
    """Twice the same is one event each; another setting or model is one more, and no secret is among them."""
    log = EventLog(database)
    environment = {"SECRET_KEY": "k" * 32, "DATABASE_URL": "postgresql://me:hunter2@host/db"}
    settings = shown(load_settings(environment))
    model = {"version": "face-1", "sha256": "ab" * 32, "bundle_sha256": "ba" * 32}
    for _ in range(2):
        log_start(log, settings)
        admit_model(ServedLog(database), log, model, set())
    other = {"version": "face-2", "sha256": "cd" * 32, "bundle_sha256": "dc" * 32}
    log_start(log, settings | {"neighbours": "7"})
    admit_model(ServedLog(database), log, other, {"dc" * 32})
    said = logged(database)
    assert [entry[0] for entry in said] == ["settings", "model_switch", "settings", "model_switch"]
    assert "hunter2" not in str(said)
    assert "k" * 32 not in str(said)


EACH = 25


def write(url: str) -> None:
    database = Database(url)
    for number in range(EACH):
        EventLog(database).note(NewEvent(EventKind.EXPORT, COMMAND, "history", {"number": number}))
    database.close()


@pytest.mark.proof
def test_processes_that_write_at_once_make_one_chain(database: Database, database_url: str) -> None:
    """Six processes of 25 events each: no gap, no fork, nothing lost."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write, args=(database_url,)) for _ in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 6
    with EventLog(database).snapshot() as snapshot:
        verdict = verify(snapshot, lambda _done, _total: None)
    assert (verdict.events, verdict.broken) == (1 + 6 * EACH, None)
