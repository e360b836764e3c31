"""The attackers' table: what the database's owner can do past the service, and what verifying says of it.

Each attack is SQL with the triggers dropped, or a change of a file. It must be named with table and key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from simsvc.adapters.crypto.log_key import LogKeyFile
from simsvc.adapters.index.files.face_journal import FILE, FaceJournal
from simsvc.adapters.ops.log_state import LogStateFile
from simsvc.domain.gallery.face_changes import ChangeSet, set_sha256, to_line
from simsvc.errors import PhotoLost, PhotoTooManyBytes
from simsvc.flows.audit.keep_log import LogKeeper
from simsvc.flows.audit.log_start import log_start
from simsvc.flows.audit.verify_log import verify, verify_new
from simsvc.store.access.accounts import AccountStore
from simsvc.store.access.identities import IdentityStore
from simsvc.store.access.second_factors import SecondFactorStore
from simsvc.store.access.tokens import TokenStore
from simsvc.store.audit.log import EventLog
from simsvc.store.audit.log_tiles import LogTree
from simsvc.store.database import Database
from simsvc.store.desk.batches import BatchStore
from simsvc.store.erasure.records import ErasureStore
from simsvc.store.index.builds import BuildStore
from simsvc.store.index.faces import FaceStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.records.switches import ModelSwitchStore, SwitchStore
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.store.reviews.referrals import ReferralStore
from simsvc.store.tables import EventRow
from simsvc.values import DecisionDraft, NewPhoto
from simsvc.values.access.tokens import Token
from simsvc.values.events import COMMAND, EventKind, NewEvent, Verdict
from simsvc.values.referrals import Addressee, Party, ReferralAct, ReferralDraft
from tests.databases import Fill
from tests.simsvc.store.helpers import BUILD, ESTIMATED, FACES, REFUSED, tamper

NOW = datetime(2026, 5, 4, tzinfo=UTC)
INTAKE = "0123456789ab"
BATCH, WAITING = "b" * 32, "c" * 32
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass(frozen=True, slots=True)
class Site:
    """A database in which everything that is logged happened, and its file of face changes."""

    database: Database
    root: Path

    @property
    def journal(self) -> FaceJournal:
        return FaceJournal(self.root)

    @property
    def log(self) -> EventLog:
        return EventLog(self.database, self.journal.sha256s)

    def verdict(self) -> Verdict:
        with self.log.snapshot() as snapshot:
            return verify(snapshot, lambda _done, _total: None)

    @property
    def keeper(self) -> LogKeeper:
        key, state = LogKeyFile(self.root / "log-key.pem"), LogStateFile(self.root)
        return LogKeeper(LogTree(self.database), key, state, self.log, lambda: datetime.now(UTC))

    def verdict_since(self) -> tuple[Verdict, int]:
        outside = self.keeper.outside()
        with self.log.snapshot() as snapshot:
            return verify_new(snapshot, lambda _done, _total: None, outside)

    def scalar(self, sql: str) -> str:
        with self.database.reading() as session:
            return str(session.scalar(text(sql)))


def put(site: Site, change: ChangeSet, what: str, said: dict[str, object] | None = None) -> None:
    """Change faces like `flows.live_faces`."""
    said = {"set_sha256": set_sha256(change), **(said or {})}
    about = FACES[0] if change.ages_years else FACES[1]
    face = replace(about, age_years=change.ages_years.get(about.face_id, about.age_years))
    FaceStore(site.database).put([face], what, COMMAND, lambda: site.journal.append(change), said)


def live_accounts(database: Database) -> None:
    store, codes = AccountStore(database), SecondFactorStore(database)
    boss = store.add("Boss", "boss", "admin", NOW)
    store.invite(boss.id, "aa" * 32, NOW + timedelta(hours=1))
    store.accept("aa" * 32, "hash-of-a-password", NOW)
    store.rehash(boss.id, "stronger-hash")
    codes.put(boss.id, b"encrypted", 5, ["c1", "c2"], NOW)
    codes.renew(boss.id, ["c3"])
    anna = store.add("Anna", "anna", "underwriter", NOW)
    store.set_contact(anna.id, "Life", "anna@example.org")
    IdentityStore(database).add("Olga", "olga", "underwriter", "https://login.example.org", "4711", NOW)
    gone = store.add("Gone", "gone", "admin", NOW)
    store.change_role(gone.id, "auditor", NOW)
    store.disable(gone.id, NOW)
    store.enable(gone.id)
    store.disable(gone.id, NOW)
    tokens = TokenStore(database)
    tokens.add(Token(INTAKE, "intake", ("estimate",), NOW, None, NOW + timedelta(days=90)), "dd" * 32)
    tokens.add(Token("f" * 12, "old", ("audit",), NOW, boss.id, NOW + timedelta(days=9)), "ee" * 32)
    tokens.revoke("f" * 12, boss.id, NOW)


def live_records(database: Database) -> None:
    estimates, referrals = EstimateStore(database), ReferralStore(database)
    decisions = DecisionStore(database, referrals)
    first = estimates.record(ESTIMATED)
    decisions.add(first.id, DecisionDraft("accept", note="ok"), "u1", 0, NOW)
    sent = referrals.add(first.id, ReferralDraft(Addressee(team="Life")), "u1", NOW)
    referrals.step(sent.id, ReferralAct("take", Party("u2", "Life")), NOW)
    batches = BatchStore(database, estimates)
    too_large = NewPhoto("c", refusal=PhotoTooManyBytes("in_batch"))
    batches.add(BATCH, "photos.zip", [NewPhoto("a"), NewPhoto("b"), too_large, NewPhoto("d")], "u1", NOW)
    batches.recorder(BATCH, 0).record(ESTIMATED)
    batches.recorder(BATCH, 1).record(REFUSED)
    batches.give_up(BATCH, 3, PhotoLost())
    batches.add(WAITING, "more.zip", [NewPhoto("a")], "token:t", NOW)


@pytest.fixture
def site(database_url: str, fill_once: Callable[[str, Fill, Path], None], tmp_path: Path) -> Iterator[Site]:
    """Return a site in which everything fits."""
    fill_once("lived", live, tmp_path / "indexes")
    database = Database(database_url)
    yield Site(database, tmp_path / "indexes")
    database.close()


def live(database: Database, folder: Path) -> None:
    site = Site(database, folder)
    live_accounts(database)
    live_records(database)
    BuildStore(database).record(BUILD, FACES)
    for label, previous in ((BUILD.label, None), ("demo/b-2", BUILD.label)):
        with SwitchStore(database).recording(label, previous, "u1", NOW):
            pass
    ModelSwitchStore(database).note("ab" * 32, "cd" * 32, "face-1", NOW)
    put(site, ChangeSet(ages_years={"f1": 31.0}), "relabel", {"age_years": 31.0, "previous_age_years": 30.0})
    put(site, ChangeSet(removed=frozenset({"f2"})), "remove")


def test_a_site_that_nobody_tampered_with_fits(site: Site) -> None:
    """Everything that the service itself does agrees with the log."""
    assert site.verdict().problems == ()


ROWS: dict[str, tuple[str, str, str]] = {
    "edit an estimate": ("UPDATE estimates SET age_years = 20 WHERE sequence = 1", "estimate:", "age_years"),
    "delete an estimate": ("DELETE FROM estimates WHERE sequence = 1", "estimate:", "missing"),
    "insert an estimate": (
        "INSERT INTO estimates (public_id, created_at, status, photo_name, photo_sha256, flags, ms) "
        "SELECT 'planted', created_at, status, photo_name, photo_sha256, flags, ms FROM estimates "
        "WHERE sequence = 1",
        "estimate:planted",
        "has no event",
    ),
    "change a verdict in the history": (
        "UPDATE estimates SET verdict = 'within' WHERE sequence = 1",
        "estimate:",
        "verdict",
    ),
    "hide a decision": (
        "UPDATE estimates SET decision = NULL, decided_at = NULL WHERE sequence = 1",
        "estimate:",
        "decision, decided_at",
    ),
    "change a decision": ("UPDATE decisions SET kind = 'override'", "estimate:", "kind"),
    "insert a decision": (
        "INSERT INTO decisions (estimate, number, kind, reason, note, decided_by, created_at) "
        "SELECT estimate, 2, 'override', reason, note, decided_by, created_at FROM decisions",
        "estimate:",
        "or a decision on it, has no event",
    ),
    "delete a decision": ("DELETE FROM decisions", "estimate:", "missing"),
    "make an account admin": (
        "UPDATE users SET role = 'admin' WHERE name_key = 'anna'",
        "users:",
        "role is admin instead of underwriter",
    ),
    "open a closed account": (
        "UPDATE users SET disabled_at = NULL WHERE name_key = 'gone'",
        "users:",
        "disabled is False instead of True",
    ),
    "set another password": (
        "UPDATE users SET password_hash = 'x' WHERE name_key = 'boss'",
        "users:",
        "keys",
    ),
    "plant an invitation": (
        "UPDATE users SET link_sha256 = 'x', link_expires_at = created_at WHERE name_key = 'anna'",
        "users:",
        "keys",
    ),
    "take over by another identity": (
        "UPDATE users SET oidc_subject = 'mallory' WHERE name_key = 'olga'",
        "users:",
        "keys",
    ),
    "switch a second factor off": (
        "UPDATE users SET totp_secret = NULL, totp_set_at = NULL WHERE name_key = 'boss'",
        "users:",
        "second_factor is False instead of True",
    ),
    "move to another team": (
        "UPDATE users SET team = 'All' WHERE name_key = 'anna'",
        "users:",
        "team is All",
    ),
    "add an account": (
        "INSERT INTO users (public_id, name, name_key, role, created_at, epoch) "
        "SELECT 'planted', 'M', 'm', 'admin', created_at, 0 FROM users WHERE name_key = 'anna'",
        "users:planted",
        "has no event",
    ),
    "delete an account": ("DELETE FROM users WHERE name_key = 'gone'", "users:", "is missing"),
    "widen a token": (
        "UPDATE tokens SET scopes = '[\"estimate\", \"admin\"]' WHERE public_id = '0123456789ab'",
        f"tokens:{INTAKE}",
        "scopes is admin, estimate instead of estimate",
    ),
    "prolong a token": (
        "UPDATE tokens SET expires_at = '2030-01-01 00:00:00' WHERE public_id = '0123456789ab'",
        f"tokens:{INTAKE}",
        "expires_at is 2030-01-01",
    ),
    "revive a token": (
        "UPDATE tokens SET revoked_at = NULL WHERE revoked_at IS NOT NULL",
        "tokens:ffffffffffff",
        "revoked is False instead of True",
    ),
    "change a token's secret": (
        "UPDATE tokens SET secret_sha256 = 'x' WHERE public_id = '0123456789ab'",
        f"tokens:{INTAKE}",
        "secret_sha256",
    ),
    "change the age in a batch": (
        "UPDATE batch_photos SET age_years = 20 WHERE position = 0 AND age_years IS NOT NULL",
        f"batch_photos:{BATCH}/0",
        "does not agree with the record",
    ),
    "change a refusal in a batch": (
        "UPDATE batch_photos SET code = 'no_face' WHERE position = 2",
        f"batch_photos:{BATCH}/2",
        "“refused:no_face” instead of “refused:photo_too_many_bytes”",
    ),
    "point a photo at another record": (
        "UPDATE batch_photos SET estimate_id = (SELECT public_id FROM estimates WHERE sequence = 1) "
        "WHERE position = 0 AND age_years IS NOT NULL",
        f"batch_photos:{BATCH}/0",
        "was changed after it was logged",
    ),
    "delete a photo of a batch": (
        "DELETE FROM batch_photos WHERE position = 3",
        f"batch_photos:{BATCH}/3",
        "is missing",
    ),
    "delete a batch": ("DELETE FROM batches WHERE name = 'more.zip'", f"batches:{WAITING}", "missing"),
    "take over a batch": (
        "UPDATE batches SET asked_by = 'u9' WHERE name = 'photos.zip'",
        f"batches:{BATCH}",
        "by is user:u9 instead of user:u1",
    ),
    "close a referral": ("UPDATE referrals SET state = 'answered'", "referrals:", "state is answered"),
    "delete a referral": ("DELETE FROM referrals", "referrals:", "is missing"),
    "swap the current index": (
        "UPDATE index_switches SET label = 'demo/b-9' WHERE sequence = 2",
        "index_switches:2",
        "label is demo/b-9 instead of demo/b-2",
    ),
    "delete a switch": ("DELETE FROM index_switches WHERE sequence = 2", "index_switches:2", "is missing"),
    "swap a build's manifest": (
        "UPDATE builds SET manifest_sha256 = 'x'",
        f"builds:{BUILD.label}",
        "manifest_sha256",
    ),
    "swap the model": (
        "UPDATE model_switches SET bundle_sha256 = 'x'",
        "model_switches:1",
        "bundle_sha256",
    ),
    "relabel a face": (
        "UPDATE faces SET age_years = 99 WHERE face_id = 'f1'",
        "faces:f1",
        "99.0 instead of 31",
    ),
}
"""SQL, and table and key (or the record) that verifying names, with words of its sentence."""

TAKE_OTHERS_ALONG = ("delete an estimate", "delete a decision", "delete a photo of a batch")


@pytest.mark.parametrize("attack", ROWS)
def test_a_row_that_was_changed_past_the_log_is_named(site: Site, attack: str) -> None:
    """With table and key, and nothing else is."""
    statement, subject, words = ROWS[attack]
    tamper(site.database, statement)
    problems = site.verdict().problems
    named = [problem for problem in problems if problem.subject.startswith(subject)]
    assert any(words in problem.sentence for problem in named), problems
    if attack not in TAKE_OTHERS_ALONG:
        assert len(named) <= 2
        assert {problem.subject for problem in problems} == {problem.subject for problem in named}


SINCE = ("make an account admin", "widen a token", "swap the current index", "relabel a face")


@ON_SQLITE
@pytest.mark.parametrize("attack", SINCE)
def test_verifying_new_events_compares_tables_of_few_rows(site: Site, attack: str) -> None:
    """Although their events are older than the last checkpoint."""
    size = site.keeper.checkpoint().size
    EstimateStore(site.database).record(ESTIMATED)
    found, since = site.verdict_since()
    assert (found.problems, since) == ((), size)
    statement, subject, words = ROWS[attack]
    tamper(site.database, statement)
    (problem,) = site.verdict_since()[0].problems
    assert problem.subject.startswith(subject)
    assert words in problem.sentence


def lines_of(site: Site, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = site.root / FILE
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def planted(age_years: float) -> bytes:
    """Return a line that is whole, such as the service itself would write."""
    return to_line(ChangeSet(ages_years={"f1": age_years})).encode()


FILES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str, str]] = {
    "remove a face change": (lambda lines: lines[:1], "face_changes:2", "is missing"),
    "relabel a face past the log": (lambda lines: [*lines, planted(99)], "face_changes:3", "has no event"),
    "relabel a face in its line": (lambda lines: [planted(99), lines[1]], "face_changes:1", "was changed"),
    "damage a line": (
        lambda lines: [lines[0].replace(b"31.0", b"99.0"), lines[1]],
        "face_changes:1",
        "sha256",
    ),
    "remove the file": (lambda _lines: [], "face_changes:1", "is missing"),
}


@ON_SQLITE
@pytest.mark.parametrize("attack", FILES)
def test_a_face_change_past_the_log_is_named(site: Site, attack: str) -> None:
    """By the number of its line."""
    change, subject, words = FILES[attack]
    lines_of(site, change)
    broken = site.verdict().broken
    assert broken is not None
    assert (broken.code, broken.subject) == ("state_differs", subject)
    assert words in broken.sentence


def swap(connection: Connection, one: int, other: int) -> None:
    """Let two events change places, with what they say."""
    events, salted = EventRow.__table__, text("SELECT salt, content FROM event_contents WHERE seq = :seq")
    rows = {seq: connection.execute(select(events).where(events.c.seq == seq)).one() for seq in (one, other)}
    said = {seq: connection.execute(salted, {"seq": seq}).one() for seq in (one, other)}
    connection.execute(events.update().where(events.c.seq == one).values(sha256="x"))
    for place, origin in ((other, one), (one, other)):
        values = {name: value for name, value in rows[origin]._mapping.items() if name != "seq"}
        connection.execute(events.update().where(events.c.seq == place).values(values))
        connection.execute(
            text("UPDATE event_contents SET salt = :salt, content = :content WHERE seq = :seq"),
            {"seq": place, **said[origin]._mapping},
        )


EVENTS: dict[str, Callable[[Connection], object]] = {
    "edit": lambda connection: connection.execute(text("UPDATE events SET actor = 'user:x' WHERE seq = 9")),
    "delete": lambda connection: [
        connection.execute(text(f"DELETE FROM {table} WHERE seq = 9"))  # noqa: S608 - tables of ours
        for table in ("event_contents", "events")
    ],
    "insert": lambda connection: connection.execute(
        text(
            "INSERT INTO events SELECT 0, at, kind, actor, subject, content_sha256, sha256, 'x' FROM events "
            "WHERE seq = 9"
        )
    ),
    "reorder": lambda connection: swap(connection, 9, 10),
}
"""Attacks on events themselves. Those that signed checkpoints catch, such as cut tails: tests/attacks."""


@pytest.mark.parametrize("attack", EVENTS)
def test_events_that_were_changed_are_named(site: Site, attack: str) -> None:
    """By number."""
    tamper(site.database)
    with site.database.engine.begin() as connection:
        EVENTS[attack](connection)
    found = {(problem.seq, problem.code) for problem in site.verdict().problems}
    assert (0 if attack == "insert" else 9, "chain") in found


@ON_SQLITE
def test_rows_that_cannot_be_read_are_named(site: Site) -> None:
    """SQLite's owner can store anything in any column: it is a changed row, not a crash."""
    tamper(
        site.database,
        "UPDATE users SET role = CAST(x'ff' AS TEXT) WHERE name_key = 'anna'",
        "UPDATE tokens SET scopes = 'x' WHERE public_id = '0123456789ab'",
        "UPDATE batches SET public_id = CAST(x'ff' AS TEXT) WHERE sequence = 2",
    )
    subjects = {problem.subject for problem in site.verdict().problems}
    assert {f"tokens:{INTAKE}", f"batches:{WAITING}", "batches:#2"} <= subjects
    assert any(subject.startswith("users:") for subject in subjects)


def test_erasing_keeps_the_log_intact(site: Site) -> None:
    """A record of a batch, a waiting photo of a case, and a face are erased, and everything fits."""
    batches = BatchStore(site.database, EstimateStore(site.database))
    refused = NewPhoto("b", "L-7", refusal=PhotoTooManyBytes("in_batch"))
    batches.add("d" * 32, "case.zip", [NewPhoto("a", "L-7"), refused], "u1", NOW)
    erasure = ErasureStore(site.database)
    erasure.erase_case("L-7", "user:boss", NOW)
    record = site.scalar("SELECT estimate_id FROM batch_photos WHERE age_years IS NOT NULL")
    erasure.erase_estimate(record, "user:boss", NOW)
    faces = FaceStore(site.database)
    faces.erase("f1", "user:boss", lambda: site.journal.erase(frozenset({"f1"})), NOW)
    assert site.verdict().problems == ()
    tamper(
        site.database,
        "UPDATE batch_photos SET code = 'erased' WHERE position = 2",
        "DELETE FROM erased_estimates",
    )
    assert {problem.subject for problem in site.verdict().problems} == {
        f"batch_photos:{BATCH}/2",
        f"erased_estimates:{record}",
    }


@ON_SQLITE
def test_face_changes_of_earlier_versions_are_covered_from_the_next_start_on(site: Site) -> None:
    """Their digests are logged once; what was added past the log meanwhile is not taken for one of them."""
    faces = FaceStore(site.database)
    change = ChangeSet(ages_years={"f1": 32.0})
    fresh = replace(FACES[0], age_years=32.0)  # logged as earlier versions did
    faces.put([fresh], "relabel", COMMAND, lambda: site.journal.append(change), {"age_years": 32.0})
    lines_of(site, lambda lines: [*lines, planted(99)])
    for _ in range(2):
        log_start(site.log, {}, site.journal.sha256s())
    assert [problem.subject for problem in site.verdict().problems] == ["face_changes:4"]
    lines_of(site, lambda lines: [*lines[:2], planted(77)])
    assert [problem.subject for problem in site.verdict().problems] == ["face_changes:3"]
    with site.log.snapshot() as snapshot:
        assert sum(logged.event.subject == "face_changes" for logged in snapshot.after(None)) == 1


@ON_SQLITE
def test_an_event_in_the_name_of_the_upgrade_legalizes_nothing(site: Site) -> None:
    """A content of another form than simsvc writes is no crash, either."""
    tamper(site.database, "UPDATE users SET role = 'admin' WHERE name_key = 'anna'")
    anna = site.scalar("SELECT public_id FROM users WHERE name_key = 'anna'")
    for content in ({"users": {}}, {"users": {anna: {"role": "admin"}}}, {"users": 7}):
        site.log.note(NewEvent(EventKind.SETTINGS, COMMAND, "state", content))
    site.log.note(NewEvent(EventKind.BATCH, COMMAND, "batch:x", {"results": 7, "blanked": 7}))
    assert [problem.subject for problem in site.verdict().problems] == [f"users:{anna}"]
