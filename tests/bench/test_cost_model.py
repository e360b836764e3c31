from __future__ import annotations

import pytest

from tests.bench.cost_model import (
    Machine,
    cores_for,
    disk_gb_a_day,
    faces_in,
    line,
    memory_gb,
    on_line,
    on_power,
    rate_of,
)


@pytest.mark.parametrize(("rate", "cores"), [(0.1, 1), (1, 1), (10, 1), (70, 2), (71, 3), (100, 3)])
def test_cores_follow_from_rate_and_work(rate: float, cores: int) -> None:
    """20 ms a request, 70% of the time: 35 requests a second by each core, and never less than one core."""
    assert cores_for(rate, 20.0) == cores


def test_rate_and_cores_are_each_other_turned_around() -> None:
    """What the cores for a rate answer is at least that rate, and one core fewer would not do."""
    for rate in (50.0, 123.0, 999.0):
        cores = cores_for(rate, 13.0)
        assert rate_of(cores, 13.0) >= rate - 1e-6 > rate_of(cores - 1, 13.0) - 1e-6


def test_a_line_goes_through_the_two_largest_sizes() -> None:
    """Smaller sizes do not bend it; measured sizes come back as measured; nothing is less than nothing."""
    points = {1_000: 99.0, 10_000: 20.0, 100_000: 110.0}
    assert line(points) == pytest.approx((10.0, 0.001))
    assert on_line(points, 1_000_000) == pytest.approx(1_010.0)
    assert on_line(points, 1_000) == 99.0
    assert on_line({10: 1.0, 20: 12.0}, 5) == 0.0
    assert on_line({200: 4.0}, 1_000) == pytest.approx(20.0)


def test_a_power_goes_through_the_two_largest_sizes() -> None:
    """A square stays a square; one size alone says nothing about growth."""
    assert on_power({10: 100.0, 100: 10_000.0}, 1_000) == pytest.approx(1e6)
    assert on_power({10: 3.0}, 1_000) == 3.0
    assert on_power({10: 0.0, 100: 3.0}, 1_000) == 3.0


def test_nothing_measured_is_said() -> None:
    """Without a figure there is no line and no power."""
    for fit in (line, lambda points: on_power(points, 5)):
        with pytest.raises(ValueError, match="not enough values"):
            fit({})


def test_memory_and_disk() -> None:
    """Four workers of 100 MB and an index of 600 MB beside 1 GB for the system; a day of 10 a second."""
    assert memory_gb(4, 100.0, 600.0) == pytest.approx(2.0)
    assert disk_gb_a_day(10.0, 50.0) == pytest.approx(43.2)


def test_the_faces_of_a_machine_fill_its_memory() -> None:
    """What is left beside system and workers, over what a face takes; nothing where nothing is left."""
    machine = Machine(2, 8.0, 100.0)
    assert faces_in(machine, 200.0, (600.0, 0.001)) == pytest.approx(6_000_000)
    assert faces_in(Machine(16, 2.0, 100.0), 200.0, (0.0, 0.001)) == 0
    assert faces_in(machine, 200.0, (0.0, 0.0)) == 0
