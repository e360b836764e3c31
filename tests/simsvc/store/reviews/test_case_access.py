from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from simsvc.errors import BatchNotFound, CaseNotFound, EstimateNotFound, ReferralNotFound
from simsvc.flows.audit.verify_log import verify
from simsvc.store.audit.log import EventLog
from simsvc.store.database import Database
from simsvc.store.desk.batches import BatchStore
from simsvc.store.desk.cases import CaseStore
from simsvc.store.desk.history import HistoryFilter, HistoryStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.reviews import case_access
from simsvc.store.reviews.case_access import seen_by
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.store.reviews.referrals import ReferralStore
from simsvc.store.reviews.undecided import UndecidedStore
from simsvc.store.tables import DecisionRow, EstimateRow
from simsvc.values import DecisionDraft, Declaration, NewPhoto
from simsvc.values.referrals import Addressee, Party, Reader, ReferralAct, ReferralDraft
from tests.simsvc.store.helpers import ESTIMATED

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ANN, BEN = Reader("ann", "life"), Reader("ben", "life")


def record(database: Database, asked_by: str, case: str | None = None) -> str:
    declared = replace(ESTIMATED, asked_by=asked_by, declared=Declaration(case))
    return EstimateStore(database).record(declared).id


def seen(database: Database, reader: Reader) -> list[str]:
    rows = HistoryStore(seen_by(database, reader)).every(HistoryFilter())
    return [row.recorded.id for row in rows][::-1]


def test_a_reader_finds_her_own_and_what_was_sent_to_her(database: Database) -> None:
    """Her records, those sent to her or her team, open or closed; not those of her team's other members."""
    own, other, sent, queued = (record(database, by) for by in ("ann", "ben", "eve", "eve"))
    referrals = ReferralStore(database)
    returned = referrals.add(sent, ReferralDraft(Addressee("ann")), "eve", NOW)
    referrals.step(returned.id, ReferralAct("return", Party("ann"), comment="no"), NOW)
    referrals.add(queued, ReferralDraft(Addressee(team="life")), "eve", NOW)
    assert seen(database, ANN) == [own, sent, queued]
    assert seen(database, BEN) == [other, queued]
    assert seen(database, Reader("ann")) == [own, sent]
    assert seen(database, Reader("eve")) == [sent, queued]
    assert seen(database, Reader("looker", sees_all=True)) == [own, other, sent, queued]
    assert seen(database, Reader("nobody")) == []


@pytest.mark.parametrize("few", [0, 1, case_access.FEW_RECORDS])
def test_searches_find_the_same_with_few_and_many_own_records(
    database: Database, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Pages, counts, exports and neighbours agree whether a search begins at the reader's records or not."""
    monkeypatch.setattr(case_access, "FEW_RECORDS", few)
    own, mate, sent, of_same_case, *others = (
        record(database, by, case)
        for by, case in (
            ("ann", "A"),
            ("ben", "A"),
            ("eve", "B"),
            ("eve", "B"),
            ("ben", "C"),
            ("ben", None),
            ("ann", None),
        )
    )
    ReferralStore(database).add(sent, ReferralDraft(Addressee(team="life")), "eve", NOW)
    hers = [own, mate, sent, of_same_case, others[-1]]
    assert seen(database, ANN) == hers
    view, undecided = seen_by(database, ANN), HistoryFilter(decision="undecided")
    history = HistoryStore(view)
    total, rows = history.page(undecided, "oldest", 1)
    assert (total, [row.recorded.id for row in rows]) == (5, hers)
    assert [row.recorded.id for row in history.some(undecided, "oldest", 1, 2)] == hers[1:3]
    assert history.counts({"open": undecided, "theirs": HistoryFilter(asked_by="ben")}) == {
        "open": 5,
        "theirs": 1,
    }
    assert [found.reference for found in history.cases(undecided, 9)] == ["B", "A"]
    around = UndecidedStore(view).neighbouring_undecided(rows[-2].recorded.number)
    assert around.previous is not None
    assert around.next is not None
    assert (around.previous.id, around.next.id) == (sent, hers[-1])


def test_a_case_is_seen_as_a_whole(database: Database) -> None:
    """Who has one record of a case sees the others, whoever requested them; and no other case."""
    own, mate, *_ = (record(database, by, case) for by, case in (("ann", "A"), ("ben", "A"), ("ben", "B")))
    view = EstimateStore(seen_by(database, ANN))
    assert [one.id for one in view.of_case("A")] == [own, mate]
    assert view.find(mate).id == mate
    with pytest.raises(CaseNotFound):
        view.of_case("B")


def test_what_is_not_seen_does_not_exist(database: Database) -> None:
    """Record, crop, referral and batch of others answer as if there were none, and nobody decides there."""
    other = record(database, "ben")
    sent = ReferralStore(database).add(other, ReferralDraft(Addressee("carl")), "ben", NOW)
    BatchStore(database, EstimateStore(database)).add("b" * 32, "x.zip", [NewPhoto("a.jpg")], "ben", NOW)
    limited = seen_by(database, Reader("ann", "car"))
    with pytest.raises(EstimateNotFound):
        EstimateStore(limited).find(other)
    with pytest.raises(EstimateNotFound):
        EstimateStore(limited).crop_png(other)
    with pytest.raises(EstimateNotFound):
        DecisionStore(limited).add(other, DecisionDraft("accept"), "ann", 0, NOW)
    with pytest.raises(ReferralNotFound):
        ReferralStore(limited).find(sent.id)
    with pytest.raises(BatchNotFound):
        BatchStore(limited, EstimateStore(limited)).find("b" * 32)
    assert DecisionStore(limited).of(other) == ()
    assert BatchStore(limited, EstimateStore(limited)).page(0, 10) == ()
    assert HistoryStore(limited).page(HistoryFilter(), "newest", 1) == (0, [])


def test_queries_that_know_nothing_of_readers_are_limited_too(database: Database) -> None:
    """Counts, subqueries and aliases of any store find only what the reader may see."""
    own, _ = record(database, "ann"), record(database, "ben")
    other = aliased(EstimateRow)
    with seen_by(database, ANN).reading() as session:
        assert session.scalar(select(func.count()).select_from(EstimateRow)) == 1
        assert session.scalars(select(other.public_id)).all() == [own]
        inner = select(EstimateRow.sequence).scalar_subquery()
        assert session.scalar(select(func.count(other.sequence)).where(other.sequence == inner)) == 1


def test_a_second_opinion_is_given_unseen(database: Database) -> None:
    """Decisions of others are hidden from who is asked, and shown again once she has decided."""
    estimate = record(database, "ben")
    DecisionStore(database).add(estimate, DecisionDraft("accept", note="fine"), "ben", 0, NOW)
    asked = ReferralDraft(Addressee("ann"), second_opinion=True)
    ReferralStore(database).add(estimate, asked, "ben", NOW)
    hers, his = DecisionStore(seen_by(database, ANN)), DecisionStore(seen_by(database, BEN))
    row = next(HistoryStore(seen_by(database, ANN)).every(HistoryFilter()))
    assert (hers.of(estimate), row.decision) == ((), None)
    assert [made.draft.kind for made in his.of(estimate)] == ["accept"]
    timeline = CaseStore(seen_by(database, ANN)).events([estimate])
    assert [one.event.kind for one in timeline] == ["estimate", "referral"]
    made = hers.add(estimate, DecisionDraft("override", 51, "passport"), "ann", 0, NOW)
    told = [one.event.kind for one in CaseStore(seen_by(database, ANN)).events([estimate])]
    assert told.count("decision") == 2
    assert made.number == 2
    assert [made.draft.kind for made in hers.of(estimate)] == ["override", "accept"]


def test_an_administrator_gives_a_second_opinion_unseen_too(database: Database) -> None:
    """Seeing all records is not seeing that decision; the log, read whole, still verifies."""
    estimate = record(database, "ben")
    DecisionStore(database).add(estimate, DecisionDraft("accept"), "ben", 0, NOW)
    asked = ReferralDraft(Addressee("boss"), second_opinion=True)
    ReferralStore(database).add(estimate, asked, "ben", NOW)
    limited = seen_by(database, Reader("boss", sees_all=True))
    assert DecisionStore(limited).of(estimate) == ()
    with limited.reading() as session:
        assert session.scalar(select(func.count(DecisionRow.sequence))) == 0
    with EventLog(limited.unlimited()).snapshot() as snapshot:
        assert verify(snapshot, lambda _done, _total: None).broken is None
