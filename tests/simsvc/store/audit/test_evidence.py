from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from simsvc.errors import CaseNotFound, EvidenceRefused
from simsvc.store.audit import evidence
from simsvc.store.audit.evidence import EvidenceStore
from simsvc.store.audit.log import EventLog
from simsvc.store.reviews.case_access import seen_by
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.store.reviews.referrals import ReferralStore
from simsvc.values import DecisionDraft
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.values.referrals import Addressee, Reader, ReferralDraft
from tests.simsvc.evidence.helpers import NOW, Desk, make_desk


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    desk = make_desk(database_url)
    yield desk
    desk.database.close()


def test_everything_about_a_case_is_gathered(desk: Desk) -> None:
    """Its records, decisions and crops, the events about them, and those that say what was in service."""
    found = EvidenceStore(desk.database).gather("K-1")
    assert found.record_ids == (desk.first, desk.second)
    assert [len(one.decisions) for one in found.records] == [2, 0]
    assert all(one.crop for one in found.records)
    kinds = [logged.event.kind for logged in found.events]
    assert kinds == [
        *("settings", "model_switch", "index_switch", "estimate", "estimate"),
        *("decision", "decision", "referral"),
    ]
    assert [logged.event.seq for logged in found.events] == sorted(
        logged.event.seq for logged in found.events
    )


def test_receipts_come_with_what_they_explain(desk: Desk) -> None:
    """Only the receipt that lists an event of the evidence is part of it."""
    store, receipt = EvidenceStore(desk.database), desk.erase(desk.second)
    assert [logged.event.kind for logged in store.gather("K-1").events].count("erasure") == 0
    found = store.gather(None, [desk.second])
    assert (found.record_ids, found.records) == ((desk.second,), ())
    assert [logged.event.seq for logged in found.events if logged.event.kind == "erasure"] == [receipt]


def test_whoever_may_not_see_a_case_finds_none(desk: Desk) -> None:
    """For an underwriter without a record of the case, there is no such case."""
    limited = seen_by(desk.database, Reader("c" * 32, None))
    with pytest.raises(CaseNotFound):
        EvidenceStore(limited).gather("K-1")
    hers = seen_by(desk.database, Reader("ann", None))  # one of its records was sent to her
    assert EvidenceStore(hers).gather("K-1").record_ids == (desk.first, desk.second)


def test_a_second_opinion_comes_before_evidence(desk: Desk) -> None:
    """Evidence would show, or lack, the decisions that the reader is not to see."""
    ask = replace(ReferralDraft(Addressee("ann"), comment="look"), second_opinion=True)
    referrals = ReferralStore(desk.database)
    referrals.add(desk.first, ask, "b" * 32, NOW)
    store = EvidenceStore(seen_by(desk.database, Reader("ann", None, sees_all=True)))
    with pytest.raises(EvidenceRefused):
        store.gather("K-1")
    DecisionStore(desk.database, referrals).add(desk.first, DecisionDraft("accept"), "ann", 2, NOW)
    assert len(store.gather("K-1").records[0].decisions) == 3


def test_more_subjects_are_told_and_a_kind_is_left_out(desk: Desk) -> None:
    """What events call the case is passed in, and who looked is not told to everyone."""
    log = EventLog(desk.database)
    looked = NewEvent(EventKind.REPLAY, COMMAND, f"estimate:{desk.first}", {})
    log.note_all([looked, replace(looked, subject="case:pseudonym")])
    store = EvidenceStore(desk.database)
    whole = store.gather("K-1", subjects=["case:pseudonym"])
    assert [logged.event.subject for logged in whole.events][-2:] == [looked.subject, "case:pseudonym"]
    fewer = store.gather("K-1", subjects=["case:pseudonym"], without="replay")
    assert fewer.events == whole.events[:-2]


def test_very_many_records_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the most is too many; the most are not."""
    store = EvidenceStore(desk.database)
    monkeypatch.setattr(evidence, "MOST_RECORDS", 2)
    assert len(store.gather("K-1").records) == 2
    monkeypatch.setattr(evidence, "MOST_RECORDS", 1)
    with pytest.raises(EvidenceRefused):
        store.gather("K-1")
