from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from simsvc.flows.audit.verify_log import verify
from simsvc.store.tables import EstimateRow, EventRow
from simsvc.wiring.services import Services
from tests.bench import log_cost
from tests.small_site import drawn_photo, make_small_site

ROUNDS = 4


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(make_small_site(tmp_path, 12))
    yield services
    services.database.close()


def counted(services: Services) -> tuple[int, int]:
    with services.database.reading() as session:
        made = select(func.count(EventRow.seq)).where(EventRow.kind == "estimate")
        return session.scalar(select(func.count(EstimateRow.sequence))) or 0, session.scalar(made) or 0


def test_only_one_of_the_two_records_has_its_event(services: Services) -> None:
    """One in turn is recorded alone, the other with its event, and both figures have an interval."""
    found = log_cost.cost_of_event(services, "sqlite", drawn_photo(), ROUNDS)
    records, events = counted(services)
    assert records == 3 * (ROUNDS + 1) + 1
    assert records - events == ROUNDS + 1
    assert all(re.search(r"\(-?[\d.]+ to -?[\d.]+\)$", claim.what) for claim in found)
    assert [claim.limit for claim in found] == [2.0, 0.10]


def test_the_log_that_is_timed_is_intact(services: Services) -> None:
    """What is appended in large transactions is what the log itself would append, and proofs hold."""
    names = [claim.what for claim in log_cost.speed_of_log(services, "sqlite", 300)]
    assert len(names) == 3
    with services.log.snapshot() as snapshot:
        verdict = verify(snapshot, lambda _done, _total: None, outside=services.outside())
    assert verdict.problems == ()
    assert verdict.events > 300 + log_cost.NEWER
