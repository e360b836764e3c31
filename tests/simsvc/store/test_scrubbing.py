"""What erased rows leave in the files of either database."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from simsvc.domain.gallery.face_changes import ErasedSets
from simsvc.flows.audit.verify_log import verify
from simsvc.store.audit.log import EventLog
from simsvc.store.database import Database
from simsvc.store.erasure.records import ErasureStore
from simsvc.store.index.faces import FaceStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.store.scrubbing import Scrubber
from simsvc.store.tables import CropRow, EventContentRow, EventRow
from simsvc.values import DecisionDraft, Declaration, LabelledFace
from tests.simsvc.store.helpers import ESTIMATED

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def files_of(database: Database) -> bytes:
    """Return every byte of the database's own files, as they are on the disk."""
    if database.engine.dialect.name == "sqlite":
        file = Path(str(database.engine.url.database))
        return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))  # PostgreSQL writes its pages when it likes
        oid = connection.scalar(text("SELECT oid FROM pg_database WHERE datname = current_database()"))
        home = Path(str(connection.scalar(text("SHOW data_directory"))))
    return b"".join(path.read_bytes() for path in sorted((home / "base" / str(oid)).iterdir()))


def record_with(database: Database, mark: str) -> bytes:
    """Put an estimate and a decision on record that hold a mark, and return the bytes of its crop."""
    crop = secrets.token_bytes(6_000)  # more than a page of PostgreSQL keeps in line
    made = EstimateStore(database).record(
        replace(ESTIMATED, photo_name=f"{mark}.jpg", declared=Declaration(f"case {mark}"))
    )
    DecisionStore(database).add(made.id, DecisionDraft("refer", note=f"note {mark}"), "u1", 0, NOW)
    with database.transaction() as session:
        row = session.scalars(select(CropRow).order_by(CropRow.estimate.desc()).limit(1)).one()
        row.png = crop
    return crop


def last_event(database: Database) -> tuple[str, str, str]:
    with database.reading() as session:
        event = session.scalars(select(EventRow).order_by(EventRow.seq.desc()).limit(1)).one()
        content = session.get(EventContentRow, event.seq)
    return event.kind, event.subject, content.content if content else ""


def intact(database: Database) -> bool:
    with EventLog(database).snapshot() as snapshot:
        return verify(snapshot, lambda _done, _total: None).broken is None


def test_nothing_erased_is_left_in_the_files(database: Database) -> None:
    """Name, case, note and crop of every third record are in no file; those of the others are."""
    records = {f"zq{number:03d}x": record_with(database, f"zq{number:03d}x") for number in range(30)}
    before = files_of(database)
    assert all(mark.encode() in before and crop[:1_000] in before for mark, crop in records.items())
    gone = [mark for number, mark in enumerate(records) if number % 3 == 0]
    for mark in gone:
        ErasureStore(database).erase_case(f"case {mark}", "command", NOW)
    assert Scrubber(database).unfinished() == 10
    assert Scrubber(database).finish() == Scrubber(database).unfinished() == 0
    after = files_of(database)
    left = [mark for mark in records if mark.encode() in after]
    crops = [mark for mark, crop in records.items() if crop[:1_000] in after or crop[-1_000:] in after]
    assert left == crops == [mark for mark in records if mark not in gone]
    assert last_event(database)[:2] == ("erasure", "files")


def test_a_reader_delays_it(database: Database) -> None:
    """While somebody reads what was there before, remains are counted as such."""
    record_with(database, "zq17")
    with database.reading() as reader:
        assert reader.scalar(select(EventRow.seq).limit(1))  # from here on this instant is read
        ErasureStore(database).erase_case("case zq17", "command", NOW)
        assert Scrubber(database).finish(0.2) == 1
        assert Scrubber(database).unfinished() == 1
        assert b"zq17" in files_of(database)


def test_what_was_delayed_is_done_afterwards(database: Database) -> None:
    """When nobody reads any more the remains go, and an event names the receipts that are done."""
    crop = record_with(database, "zq17")
    with database.reading() as reader:
        reader.scalar(select(EventRow.seq).limit(1))
        ErasureStore(database).erase_case("case zq17", "command", NOW)
    assert Scrubber(database).finish(0.2) == 0
    assert b"zq17" not in (left := files_of(database))
    assert crop[:1_000] not in left
    kind, subject, content = last_event(database)
    assert (kind, subject) == ("erasure", "files")
    assert '"receipts":[' in content
    assert intact(database)


def test_an_erased_face_leaves_no_name(database: Database) -> None:
    """The file name of a labelled face goes with it."""
    face = LabelledFace("f1", 30.0, "clinic", "zq-anna.jpg")
    FaceStore(database).put([face], "add", "command", lambda: 1)
    assert b"zq-anna" in files_of(database)
    FaceStore(database).erase("f1", "command", lambda: ErasedSets(2), NOW)
    assert Scrubber(database).finish() == 0
    assert b"zq-anna" not in files_of(database)


def test_large_tables_wait_for_the_operator(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's are written anew in a request only where that is quick; the command does it always."""
    record_with(database, "zq18")
    ErasureStore(database).erase_case("case zq18", "command", NOW)
    monkeypatch.setattr("simsvc.store.scrubbing.REWRITTEN_BYTES", 1)
    quick = database.engine.dialect.name == "sqlite"
    assert Scrubber(database).finish() == (0 if quick else 1)
    assert Scrubber(database).finish(all_sizes=True) == 0
    assert b"zq18" not in files_of(database)
