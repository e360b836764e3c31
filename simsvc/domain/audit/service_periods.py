"""When models and index builds were in service, from the record of switches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ServicePeriod:
    """A time in service, UTC; `until` is None while it lasts."""

    since: datetime
    until: datetime | None


def service_periods(switches: Iterable[tuple[str, datetime]]) -> dict[str, tuple[ServicePeriod, ...]]:
    """Return the periods of each name, oldest first, given what was switched to when, oldest first."""
    periods: dict[str, list[ServicePeriod]] = {}
    current: str | None = None
    for name, at in switches:
        if name == current:
            continue
        if current is not None:
            periods[current][-1] = ServicePeriod(periods[current][-1].since, at)
        periods.setdefault(name, []).append(ServicePeriod(at, None))
        current = name
    return {name: tuple(found) for name, found in periods.items()}
