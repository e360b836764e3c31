from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from simsvc.store.access.accounts import AccountStore
from simsvc.store.audit.evidence_state import EvidenceStateStore
from simsvc.store.audit.log import EventLog
from simsvc.store.desk.batches import BatchStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.reviews.case_access import seen_by
from simsvc.values import Declaration, NewPhoto
from simsvc.values.audit.evidence import FilesInService, IndexInService, InService, ModelInService, StateNow
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.values.referrals import Reader
from tests.simsvc.evidence.helpers import NOW, Desk, make_desk
from tests.simsvc.store.helpers import ESTIMATED, tamper

BATCH = "b" * 32
FILES = FilesInService("now", 1, 1, ())


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    desk = make_desk(database_url)
    yield desk
    desk.database.close()


def state(
    desk: Desk, *actors: str, records: tuple[str, ...] = (), served: InService | None = None
) -> StateNow:
    store = EvidenceStateStore(desk.database)
    return store.state(set(actors), set(records), served or desk.served)


def sent_together(desk: Desk) -> list[str]:
    """Have two photos of different cases sent together, and return their records."""
    batches = BatchStore(desk.database, EstimateStore(desk.database))
    batches.add(BATCH, "photos.zip", [NewPhoto("a"), NewPhoto("b")], "ann", NOW)
    made = [replace(ESTIMATED, declared=Declaration(case)) for case in ("K-1", "K-2")]
    return [batches.recorder(BATCH, position).record(one).id for position, one in enumerate(made)]


def test_only_who_acted_is_told(desk: Desk) -> None:
    """An account has its facts and its own events; one that never was is None; commands are no accounts."""
    accounts = AccountStore(desk.database)
    anna, ben = (accounts.add(name, name, "underwriter", NOW).id for name in ("anna", "ben"))
    found = state(desk, f"user:{anna}", "user:nobody", COMMAND)
    facts = found.users[anna] or {}
    assert (facts["role"], facts["disabled"], found.users["nobody"]) == ("underwriter", False, None)
    assert ben not in found.users
    kinds = [logged.event.subject for logged in found.events if logged.event.kind == EventKind.ACCOUNT]
    assert kinds == [f"user:{anna}"]
    assert found.tokens == found.batches == {}


def test_a_batch_is_told_with_the_photo_of_the_record_only(desk: Desk) -> None:
    """By position, with its result and what the table says of it, and with both events of the batch."""
    first, _ = sent_together(desk)
    found = state(desk, records=(first,))
    assert found.batches == {BATCH: {"photos": 2, "by": "user:ann"}}
    assert list(found.batch_photos) == [f"{BATCH}/0"]
    assert (found.batch_photos[f"{BATCH}/0"] or {})["result"] == first
    assert [one.event.kind for one in found.events].count(EventKind.BATCH) == 2


def test_a_photo_whose_result_was_redirected_is_found_in_the_log(desk: Desk) -> None:
    """The batch's last event says that it became the record, and a deleted row is None."""
    first, _ = sent_together(desk)
    tamper(desk.database, "UPDATE batch_photos SET estimate_id = 'x' WHERE position = 0")
    assert (state(desk, records=(first,)).batch_photos[f"{BATCH}/0"] or {})["result"] == "x"
    tamper(desk.database, "DELETE FROM batch_photos WHERE position = 0")
    assert state(desk, records=(first,)).batch_photos == {f"{BATCH}/0": None}


def test_a_reader_is_told_the_same(desk: Desk) -> None:
    """Also of a batch of others, in which a record came that she may see: it is IDs and facts only."""
    first, _ = sent_together(desk)
    limited = EvidenceStateStore(seen_by(desk.database, Reader("c" * 32, None)))
    whole = state(desk, records=(first,))
    assert limited.state(set(), {first}, desk.served).batches == whole.batches


def test_the_latest_switches_and_what_is_in_service_have_their_events(desk: Desk) -> None:
    """However long ago the build was made, or the model put into service."""
    log = EventLog(desk.database)
    log.note(NewEvent(EventKind.BUILD, COMMAND, "index:demo/b-1", {"manifest_sha256": "11" * 32}))
    log.note(NewEvent(EventKind.MODEL_SWITCH, COMMAND, "model", {"bundle_sha256": "22" * 32}))
    for number in range(5):
        log.note(NewEvent(EventKind.INDEX_SWITCH, COMMAND, f"index:demo/b-{number}", {"switch": number}))
        log.note(NewEvent(EventKind.MODEL_SWITCH, COMMAND, "model", {"bundle_sha256": f"{number:064x}"}))
    index, model = IndexInService("demo/b-1", None, None), "22" * 32
    served = InService(20, index, ModelInService("1", model, "33" * 32, None, FILES))
    found = [one.event.seq for one in state(desk, served=served).events]
    first = found[0]
    assert found == [first, first + 1, *range(first + 6, first + 12)]
