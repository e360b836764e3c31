"""The lists of the home page, each a filter of the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta

from babel.dates import format_timedelta
from flask_babel import get_locale

from simsvc.domain.desk.declared import declared_age
from simsvc.errors import StoreError
from simsvc.messages import N_
from simsvc.store.desk.history import MOST_COUNTED, HistoryFilter, HistoryRow
from simsvc.store.desk.origins import BatchRef
from simsvc.values import User
from simsvc.web.http.current import services
from simsvc.web.security.access import may

PAGE_ROWS = 25
LAST_PAGE = MOST_COUNTED // PAGE_ROWS
"""Lists end where counting ends; the history has all of it."""
AUDITED = timedelta(days=30)
"""How far back the auditor's lists go; the history goes back to the first record."""
UNDECIDED = HistoryFilter(decision="undecided")
OPEN_SORTS = ("oldest", "newest")
BY_DECISION = ("decided",)
"""Orders of a list; the first is the usual one."""


@dataclass(frozen=True, slots=True)
class WorkList:
    """A list of the home page.

    Attributes:
        title: template of its name.
        sorts: orders to choose from, the usual one first.
        asked: the same in fields of the history's form, or None where it has no such filter.
        counted: whether its tab shows how many records it has.
    """

    name: str
    title: str
    wanted: HistoryFilter
    sorts: tuple[str, ...] = OPEN_SORTS
    asked: Mapping[str, str] | None = field(default=None, hash=False)
    counted: bool = True

    @property
    def shows_decisions(self) -> bool:
        """Return whether its rows are about decisions."""
        return self.sorts == BY_DECISION


@dataclass(frozen=True, slots=True)
class WorkRow:
    """A row of a list: `since` when it waits or when it was decided; `photos` of its case are on record."""

    row: HistoryRow
    declared_years: int | None
    batch: BatchRef | None
    photos: int
    since: datetime
    waiting: str


def lists_for(user: User, now: datetime) -> tuple[WorkList, ...]:
    """Return the lists of a person, the usual one first."""
    return _desk_lists(user, now) if may("pages.create") else _audit_lists(now)


def sent_to(user: User) -> HistoryFilter:
    """Return the filter of the records that wait for a person's answer, her team's queue included."""
    return HistoryFilter(sent_to=user.id, sent_to_team=user.team or "")


def rows_of(chosen: WorkList, found: Sequence[HistoryRow], now: datetime) -> list[WorkRow]:
    """Return what the page shows of records."""
    origins = services().origins
    batches = origins.batches([row.recorded.id for row in found])
    cases = {row.recorded.estimate.declared.case for row in found} - {None}
    photos = origins.photos_of_cases([case for case in cases if case])
    return [
        WorkRow(
            row=row,
            declared_years=declared_age(row.recorded.estimate.declared, row.recorded.created_at.date()),
            batch=batches.get(row.recorded.id),
            photos=photos.get(row.recorded.estimate.declared.case or "", 1),
            since=(since := _since(chosen, row)),
            waiting=_waiting(now - since),
        )
        for row in found
    ]


def people_of(rows: Sequence[WorkRow]) -> dict[str, str]:
    """Return the names of all who asked or decided."""
    asked = [one.row.recorded.estimate.asked_by for one in rows]
    decided = [one.row.decision.decided_by for one in rows if one.row.decision]
    return services().names([*asked, *decided])


def undecided_count() -> int | None:
    """Count the undecided records for the navigation, or return None where there is nothing to tell."""
    if not may("pages.create"):
        return None
    try:
        return services().history.counts({"undecided": UNDECIDED})["undecided"]
    except StoreError:  # the page says why by itself
        return None


def shown_count(count: int) -> str:
    """Write a count for a tab: counting ends at `MOST_COUNTED`."""
    return f"{MOST_COUNTED - 1}+" if count >= MOST_COUNTED else str(count)


def midnight(now: datetime) -> datetime:
    """Return the beginning of a day, UTC."""
    return datetime.combine(now.astimezone(UTC).date(), time(), UTC)


def _desk_lists(user: User, now: datetime) -> tuple[WorkList, ...]:
    return (
        _open("undecided", N_("Undecided")),
        _open("outside", N_("Outside the range"), verdict="outside"),
        WorkList("sent", N_("Sent to me"), sent_to(user)),
        _open("unreliable", N_("Unreliable"), status="withheld"),
        WorkList(
            "more",
            N_("More needed"),
            HistoryFilter(decision="need_more"),
            BY_DECISION,
            {"decision": "need_more"},
        ),
        WorkList("today", N_("Decided today"), HistoryFilter(decided_since=midnight(now)), BY_DECISION),
        WorkList(
            "recent",
            N_("My recent"),
            HistoryFilter(asked_by=user.id),
            OPEN_SORTS[::-1],
            {"person": user.id},
            counted=False,
        ),
    )


def _audit_lists(now: datetime) -> tuple[WorkList, ...]:
    since = now - AUDITED
    return (
        WorkList("decisions", N_("Decisions"), HistoryFilter(decided_since=since), BY_DECISION),
        _decided("overrides", N_("Not plausible"), "override", since),
        _decided("referrals", N_("Sent for review"), "refer", since),
    )


def _open(name: str, title: str, **part: str) -> WorkList:
    wanted = replace(UNDECIDED, **part)  # type: ignore[arg-type]  # texts only
    return WorkList(name, title, wanted, asked={"decision": "undecided", **part})


def _decided(name: str, title: str, kind: str, since: datetime) -> WorkList:
    wanted = HistoryFilter(decision=kind, decided_since=since)
    return WorkList(name, title, wanted, BY_DECISION, {"decision": kind, "sort": "decided"})


def _waiting(time: timedelta) -> str:
    """Write a time in the largest unit that fits: "40 min", "2 hr"."""
    return format_timedelta(time, granularity="minute", format="short", locale=get_locale())


def _since(chosen: WorkList, row: HistoryRow) -> datetime:
    if chosen.shows_decisions and row.decision is not None:
        return row.decision.created_at
    return row.recorded.created_at
