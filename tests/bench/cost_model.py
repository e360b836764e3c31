"""What requests and faces need, from what was measured: arithmetic, each formula with what it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

BUSY = 0.7
"""Share of the cores' time that may be work. Beyond it waiting grows steeply: with Poisson arrivals and one
server the mean wait is busy / (1 - busy) of a piece of work, 2.3 at 0.7 and 9 at 0.9; several cores
wait less. Source: Kleinrock, Queueing Systems I (1975), section 3.2 (M/M/1). The choice of 0.7 is ours."""
SYSTEM_GB = 1.0
"""Kept free for the operating system and what is not simsvc's. Ours."""
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Machine:
    """What one machine has."""

    cores: int
    memory_gb: float
    disk_gb: float

    @property
    def name(self) -> str:
        """Describe it in a few words."""
        return f"{self.cores} cores, {self.memory_gb:g} GB, {self.disk_gb:g} GB disk"


MACHINES = (Machine(2, 8, 100), Machine(16, 64, 1_000), Machine(64, 256, 4_000))


def cores_for(rate: float, cpu_ms: float, busy: float = BUSY) -> int:
    """Return how many cores so many requests a second need, each of so many ms of processor time."""
    return max(1, math.ceil(rate * cpu_ms / 1_000 / busy - 1e-9))


def rate_of(cores: float, cpu_ms: float, busy: float = BUSY) -> float:
    """Return how many requests a second so many cores answer: `cores_for` turned around."""
    return cores * busy * 1_000 / cpu_ms


def line(points: Mapping[int, float]) -> tuple[float, float]:
    """Return (at no faces, for each face) of the straight line through the two largest sizes measured.

    Of one size alone the line goes through nothing at no faces. Memory, disk and embedding grow so.

    Raises:
        ValueError: nothing was measured.
    """
    (large, much), *rest = sorted(points.items(), reverse=True)
    if not rest:
        return 0.0, much / large
    small, little = rest[0]
    slope = (much - little) / (large - small)
    return much - slope * large, slope


def on_line(points: Mapping[int, float], faces: int) -> float:
    """Return what so many faces take by `line`, never less than nothing; a measured size as measured."""
    if faces in points:
        return points[faces]
    start, slope = line(points)
    return max(0.0, start + slope * faces)


def on_power(points: Mapping[int, float], faces: int) -> float:
    """Return what so many faces take by the power of their number through the two largest sizes measured.

    Searching a forest grows more slowly than faces do, growing it a little faster.

    Raises:
        ValueError: nothing was measured.
    """
    if faces in points:
        return points[faces]
    (large, much), *rest = sorted(points.items(), reverse=True)
    if not rest or not rest[0][1] > 0.0 or not much > 0.0:
        return much
    small, little = rest[0]
    power = math.log(much / little) / math.log(large / small)
    return float(much * (faces / large) ** power)


def memory_gb(workers: int, private_mb: float, mapped_mb: float) -> float:
    """Return the memory of so many workers: what each has, the index once, and the system's part."""
    return SYSTEM_GB + (workers * private_mb + mapped_mb) / 1_000


def disk_gb_a_day(rate: float, kb_a_record: float) -> float:
    """Return what a day of so many requests a second adds to the database."""
    return rate * DAY_S * kb_a_record / 1e6


def faces_in(machine: Machine, private_mb: float, index_mb: tuple[float, float]) -> int:
    """Return how many faces a machine's memory holds beside its workers, one a core; at least 0.

    Args:
        machine: the machine.
        private_mb: what a worker has to itself without the index.
        index_mb: memory of the index at no faces, and for each face.
    """
    free_mb = (machine.memory_gb - SYSTEM_GB) * 1_000 - machine.cores * private_mb - index_mb[0]
    return max(0, int(free_mb / index_mb[1])) if index_mb[1] > 0 else 0
