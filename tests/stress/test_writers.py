from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from simsvc.store.database import Database
from simsvc.store.tables import EventRow
from tests.small_site import make_small_site, moved_to
from tests.stress.writers import Load, find, press

pytestmark = pytest.mark.slow


@pytest.mark.proof
def test_killed_workers_lose_nothing_that_was_answered(tmp_path: Path, database_url: str) -> None:
    """200 estimates of 8 clients, workers killed meanwhile: each answer is on record, and the log fits."""
    settings = moved_to(make_small_site(tmp_path / "site"), database_url)
    database = Database(database_url)
    outcome = press(settings, Load(estimates=200, kill_every_s=0.05, kill_after=50), tmp_path)
    findings = find(database, outcome)
    assert outcome.refused == []
    assert len(outcome.answers) == 200
    assert outcome.kills >= 1
    assert (findings.lost, findings.twice, findings.verdict.broken) == (0, 0, None)
    with database.reading() as session:
        starts = select(func.count()).where(
            EventRow.subject.in_(("settings", f"settings@{settings.host}", "model"))
        )
        assert session.scalar(starts.select_from(EventRow)) == 2
    database.close()
