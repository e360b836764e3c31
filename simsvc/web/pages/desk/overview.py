"""What the home page says about the service: figures of days and weeks, trust, and the state of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import format_date, gettext

from simsvc.adapters.ops.disk import least_free_bytes
from simsvc.domain.estimate.corrected import build_sentence
from simsvc.domain.model.drift import age_stability, outcome_stability
from simsvc.errors import DiskUnfit, IndexUnusable
from simsvc.flows.health import Finding
from simsvc.messages import N_, Message
from simsvc.store.desk.overview import Volume
from simsvc.store.desk.periods import Period
from simsvc.values import User
from simsvc.values.events import Verification
from simsvc.values.site_calibration import Score, SiteCalibration
from simsvc.web.http.current import services
from simsvc.web.pages.desk.work_list import midnight
from simsvc.wiring.health import folders, readiness

DAY, WEEK = timedelta(days=1), timedelta(days=7)
WEEKS_SHOWN = 12
"""A quarter of a year."""
DRIFT_WEEKS = 4
"""How far back the last week is compared; weeks before these are another season."""
DRIFT_ANSWERS = 1_000
"""Read of each period: without drift the index stays below 0.04 then (`domain.model.drift`)."""
DRIFTED = 0.1
"""Stability index of a change worth a look. Source: Siddiqi, Credit Risk Scorecards, 2006."""
VOLUME_COLUMNS = (
    N_("Others"),
    N_("Outside the range"),
    N_("Unreliable"),
    N_("No result"),
)
DRIFT = {
    None: N_("Drift: not enough estimates yet to tell."),
    "none": N_("Drift: none. The last 7 days are like the 4 weeks before."),
    "ages": N_("Drift: estimated ages of the last 7 days differ from the 4 weeks before."),
    "outcomes": N_("Drift: the share of unreliable estimates or of photos without a result has changed."),
}

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """What `templates/_chart.html` draws."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """The last seven days, today included: a chart by day, and shares of all estimates."""

    chart: Chart
    estimates: int
    outside: float
    unreliable: float


@dataclass(frozen=True, slots=True)
class Trust:
    """What speaks for today's estimates.

    Attributes:
        faces: number of reference faces, or None without a usable index.
        calibration: what the site calibration is, or None for builds made before it existed.
        score: error on the reference faces, each estimated without the same person, or None.
        drifts: whether estimates changed lately, or None with too few of them.
        verified: the last verification of the log that came to a result, or None.
    """

    faces: int | None
    calibration: Message | None
    score: Score | None
    drift: str
    drifts: bool | None
    verified: Verification | None


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What an administrator looks after.

    Attributes:
        waiting: photos of batches that wait.
        database_bytes: size of the database.
        free_bytes: of the fullest disk, or None where it cannot be told.
        invited: accounts that never signed in.
    """

    findings: tuple[Finding, ...]
    waiting: int
    database_bytes: int
    free_bytes: int | None
    invited: tuple[User, ...]


def last_week(now: datetime) -> Week:
    """Return the last seven days, UTC."""
    days = _periods(midnight(now) - 6 * DAY, DAY, 7)
    volumes = services().overview.volumes(days)
    total = sum(volume.estimates for volume in volumes)
    shares = [
        sum(counts) / max(1, total)
        for counts in ([one.outside for one in volumes], [one.unreliable for one in volumes])
    ]
    labels = [format_date(day.since, "EEE", rebase=False) for day in days]
    return Week(_volume_chart(gettext("Day"), labels, volumes), total, *shares)


def last_weeks(now: datetime) -> dict[str, Chart]:
    """Return charts of the last `WEEKS_SHOWN` weeks by name: "volume", "decisions" and "ages"."""
    weeks = _periods(midnight(now) + DAY - WEEKS_SHOWN * WEEK, WEEK, WEEKS_SHOWN)
    volumes = services().overview.volumes(weeks)
    labels = [format_date(week.since, gettext("d MMM"), rebase=False) for week in weeks]
    first = gettext("Week from")
    decided = [(volume.referred, volume.overridden) for volume in volumes]
    ages = [None if one.mean_age_years is None else round(one.mean_age_years, 1) for one in volumes]
    return {
        "volume": _volume_chart(first, labels, volumes),
        "decisions": Chart(
            (first, gettext("Sent for review"), gettext("Not plausible")),
            tuple((label, *counts) for label, counts in zip(labels, decided, strict=True)),
        ),
        "ages": Chart((first, gettext("Mean estimated age")), tuple(zip(labels, ages, strict=True))),
    }


def trust(now: datetime) -> Trust:
    """Return what speaks for today's estimates."""
    faces, site = _reference_faces()
    found = _drift(now)
    return Trust(
        faces=faces,
        calibration=build_sentence(site) if site else None,
        score=_score(site) if site else None,
        drift=DRIFT[found],
        drifts=None if found is None else found != "none",
        verified=services().verifications.latest_found(),
    )


def service_state() -> ServiceState:
    """Return the state of the service's parts, its queue, its storage and its accounts."""
    desk = services()
    try:
        free_bytes = least_free_bytes(folders(desk.settings))
    except DiskUnfit:
        free_bytes = None
    invited = (user for user in desk.users.all() if user.last_sign_in_at is None and not user.disabled)
    return ServiceState(
        findings=readiness(desk),
        waiting=desk.batch_book.waiting(),
        database_bytes=desk.overview.database_bytes(),
        free_bytes=free_bytes,
        invited=tuple(invited),
    )


def _periods(start: datetime, length: timedelta, count: int) -> list[Period]:
    return [Period(start + number * length, start + (number + 1) * length) for number in range(count)]


def _volume_chart(first: str, labels: Sequence[str], volumes: Sequence[Volume]) -> Chart:
    rows = []
    for label, one in zip(labels, volumes, strict=True):
        others = one.estimates - one.outside - one.unreliable - one.refused
        rows.append((label, others, one.outside, one.unreliable, one.refused))
    return Chart((first, *(gettext(name) for name in VOLUME_COLUMNS)), tuple(rows))


def _reference_faces() -> tuple[int | None, SiteCalibration | None]:
    try:
        label = services().shelf.current()
        if label is None:
            return None, None
        return services().gallery(label).by_age(0, 0).count, services().shelf.calibration(label)
    except IndexUnusable:
        return None, None


def _score(site: SiteCalibration) -> Score | None:
    return next((one.score for one in site.candidates if one.method == site.method), None)


def _drift(now: datetime) -> str | None:
    start = midnight(now) - 6 * DAY
    periods = Period(start - DRIFT_WEEKS * WEEK, start), Period(start, now + DAY)
    before, current = (services().overview.answers(period, DRIFT_ANSWERS) for period in periods)
    outcomes = outcome_stability(before.outcomes, current.outcomes)
    ages = age_stability(before.ages_years, current.ages_years)
    if outcomes is None or ages is None:
        return None
    if ages.psi > max(ages.critical, DRIFTED):
        return "ages"
    return "outcomes" if outcomes.psi > max(outcomes.critical, DRIFTED) else "none"
