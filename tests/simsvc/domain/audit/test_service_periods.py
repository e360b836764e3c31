from __future__ import annotations

from datetime import UTC, datetime

from simsvc.domain.audit.service_periods import ServicePeriod, service_periods

DAYS = [datetime(2026, 5, day, tzinfo=UTC) for day in range(1, 6)]


def test_each_switch_ends_the_period_before() -> None:
    """A build that comes back has two periods; the last period of all is open."""
    found = service_periods(zip(["a", "b", "b", "a"], DAYS, strict=False))
    assert found == {
        "a": (ServicePeriod(DAYS[0], DAYS[1]), ServicePeriod(DAYS[3], None)),
        "b": (ServicePeriod(DAYS[1], DAYS[3]),),
    }
