from __future__ import annotations

from simsvc.cli.common.progress import EVERY_S, ProgressLines


def test_lines_say_rate_and_time_left() -> None:
    """Each half minute a line says what is done, the rate of this run, and the time left."""
    said: list[str] = []
    ticks = iter([0.0, EVERY_S - 1, EVERY_S, EVERY_S + 1, 2 * EVERY_S])
    lines = ProgressLines("photo", 1_000, clock=lambda: next(ticks), say=said.append)
    for done in (1_001, 4_000, 4_001, 7_000):
        lines.advance(done, 100_000)
    assert said == [
        "4,000 of 100,000 photos, 100.0 a second, 16 min left",
        "7,000 of 100,000 photos, 100.0 a second, 16 min left",
    ]
