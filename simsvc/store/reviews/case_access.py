"""Whose records a reader finds, and which decisions: the one place that decides it.

A database that is `seen_by` a reader adds these conditions to every query of records, decisions and batches,
whichever store asks: a query that forgets them cannot exist. What the conditions leave out does not exist for
the reader, so that its page answers 404.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    union,
)
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria
from sqlalchemy.sql.base import ExecutableOption

from simsvc.store.database import SEARCH, Database, Limit
from simsvc.store.reviews.referral_rows import ReferralRow
from simsvc.store.tables import BatchRow, DecisionRow, EstimateRow, EventRow
from simsvc.values.events import EventKind, actor_of
from simsvc.values.referrals import Reader

_REFERRALS = ReferralRow.__table__.alias("referrals_seen")
_RECORDS = EstimateRow.__table__.alias("records_seen")
_MATES = EstimateRow.__table__.alias("mates_seen")
"""Bare tables, to which the conditions are not added again."""

READERS = 256
"""Readers whose conditions are kept: to write them takes 1.3 ms, a quarter of a light request."""
FEW_RECORDS = 5_000
"""Own records up to which searches begin at them. Measured with 100,000 undecided records on SQLite: counting
the undecided ones takes 1 ms then for 200 own records and 8 ms for 5,000, but 200 ms where each undecided
record is looked at; with more own records, the first thousand are soon found either way."""


def seen_by(database: Database, reader: Reader) -> Database:
    """Return the database as a reader sees it.

    Records: those that she requested, those that were ever sent to her or to her team, and those of cases
    where she has one of these. Batches: those that she uploaded. Decisions: all on these records, but where
    she is to give a second opinion only her own, until she has decided.
    """
    return database.limited(*_limits(reader))


@lru_cache(maxsize=READERS)
def _limits(reader: Reader) -> tuple[Limit, ...]:
    decisions = with_loader_criteria(DecisionRow, ~_is_hidden(reader), include_aliases=True)
    events = with_loader_criteria(EventRow, ~_tells_hidden(reader), include_aliases=True)
    if reader.sees_all:
        return decisions, events
    batches = with_loader_criteria(BatchRow, BatchRow.asked_by == reader.actor, include_aliases=True)
    return decisions, events, _records(reader), batches


def _records(reader: Reader) -> Callable[[ORMExecuteState], ExecutableOption]:
    """Return what limits a query to the records of a reader.

    A look-up checks the few rows that it finds. A search begins at the reader's own records, unless these
    are very many themselves.
    """
    checked = with_loader_criteria(EstimateRow, _is_seen(reader), include_aliases=True)
    listed = with_loader_criteria(EstimateRow, EstimateRow.sequence.in_(_seen(reader)), include_aliases=True)
    own = select(_RECORDS.c.sequence).where(_RECORDS.c.asked_by == reader.actor).limit(FEW_RECORDS + 1)

    count = select(func.count()).select_from(own.subquery())

    def limit(state: ORMExecuteState) -> ExecutableOption:
        if not SEARCH.items() <= state.execution_options.items():
            return checked
        found = state.session.connection().scalar(count) or 0
        return listed if found <= FEW_RECORDS else checked

    return limit


def _seen(reader: Reader) -> CompoundSelect[int]:
    """Select the records that `_is_seen` finds, from the reader's own ones on."""
    referred = _referred(reader)
    hers = or_(_RECORDS.c.asked_by == reader.actor, _RECORDS.c.sequence.in_(referred))
    cases = select(_RECORDS.c.case_reference).where(_RECORDS.c.case_reference.is_not(None), hers)
    return union(
        select(_RECORDS.c.sequence).where(_RECORDS.c.asked_by == reader.actor),
        referred,
        select(_MATES.c.sequence).where(_MATES.c.case_reference.in_(cases)),
    )


def _is_seen(reader: Reader) -> ColumnElement[bool]:
    referred = _referred(reader)
    hers = or_(_RECORDS.c.asked_by == reader.actor, _RECORDS.c.sequence.in_(referred))
    of_same_case = _RECORDS.c.case_reference == EstimateRow.case_reference
    return or_(
        EstimateRow.asked_by == reader.actor,
        EstimateRow.sequence.in_(referred),
        exists().where(of_same_case, hers),  # looked up row by row: a reader may have very many cases
    )


def _referred(reader: Reader) -> Select[int]:
    """Select the records that were ever sent to a reader or her team."""
    to_her = _REFERRALS.c.assignee == reader.actor
    which = or_(to_her, _REFERRALS.c.team == reader.team) if reader.team else to_her
    return select(_REFERRALS.c.estimate).where(which)


def _is_hidden(reader: Reader) -> ColumnElement[bool]:
    """Select decisions of others on records on which the reader is to give a second opinion."""
    return and_(DecisionRow.decided_by != reader.actor, DecisionRow.estimate.in_(_asked(reader)))


def _tells_hidden(reader: Reader) -> ColumnElement[bool]:
    """Select the events of such decisions, which timelines show."""
    subject = literal("estimate:", String).concat(_RECORDS.c.public_id)
    subjects = select(subject).where(_RECORDS.c.sequence.in_(_asked(reader)))
    others = and_(EventRow.kind == str(EventKind.DECISION), EventRow.actor != actor_of(reader.actor))
    return and_(others, EventRow.subject.in_(subjects))


def _asked(reader: Reader) -> Select[int]:
    """Select the records on which a reader is asked for a second opinion that she has not given."""
    to_her = _REFERRALS.c.assignee == reader.actor
    if reader.team:
        queued = and_(_REFERRALS.c.assignee.is_(None), _REFERRALS.c.team == reader.team)
        to_her = or_(to_her, queued)
    unanswered = and_(_REFERRALS.c.state == "open", _REFERRALS.c.second_opinion)
    return select(_REFERRALS.c.estimate).where(unanswered, to_her)
