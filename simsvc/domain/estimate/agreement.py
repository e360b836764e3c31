"""Comparison of a replayed estimate with its record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simsvc.values import Estimate, Neighbour

AGE_TOLERANCE_YEARS = 0.01
"""Runs on different processors sum in different orders. Source: the tolerance of `trainer export` between
ONNX Runtime and PyTorch (`AGE_TOLERANCE_YEARS`), a hundred times finer than displayed ages."""
COSINE_TOLERANCE = 1e-4
"""How far the cosine of the two embeddings may be below 1. Source: as above, `COSINE_TOLERANCE`."""
DISTANCE_TOLERANCE = math.sqrt(2.0 * COSINE_TOLERANCE)
"""How much the distance to a reference face may differ, 0.014: the Euclidean distance of the two embeddings,
by the triangle inequality. On one machine with the same libraries nothing differs."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Tolerance for the age and both ends of its range, and for the distance of each reference face."""

    age_years: float
    distance: float


SAME_ENGINE = Tolerance(AGE_TOLERANCE_YEARS, DISTANCE_TOLERANCE)
OTHER_ENGINE = Tolerance(1.0, 0.2)
"""Tolerance for another engine or number format: int8 and fp32 round at every layer. Source: `python -m
trainer engines`, model face-dino-195: 99 of 100 of 1,548 faces of six sources were at most 0.90 years and
0.10 of distance apart, and none more than 0.16 of distance."""
EARLIER_ENGINE = "onnxruntime"
"""Engine of records that do not name one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the recorded value, ready for JSON, and the replayed one.

    `what` is "engine", "status", "code", "age_years", "interval_years", "neighbours", "label" or "distance".
    """

    what: str
    recorded: object
    replayed: object


def tolerance(recorded: Estimate, replayed: Estimate) -> Tolerance:
    """Return the tolerance for two estimates, given their engines."""
    return SAME_ENGINE if _same_engine(recorded.engine, replayed.engine) else OTHER_ENGINE


def _same_engine(recorded: str | None, replayed: str | None) -> bool:
    if recorded is None or replayed is None:
        return (recorded or EARLIER_ENGINE).split()[0] == (replayed or EARLIER_ENGINE).split()[0]
    return recorded == replayed


def differences(recorded: Estimate, replayed: Estimate) -> tuple[Difference, ...]:
    """Return all differences beyond the tolerance.

    If they differ and the engines differ too, the engine comes first, because it explains the rest.
    """
    allowed = tolerance(recorded, replayed)
    found = _beyond(recorded, replayed, allowed)
    if found and allowed is OTHER_ENGINE:
        return (Difference("engine", recorded.engine or EARLIER_ENGINE, replayed.engine), *found)
    return found


def _beyond(recorded: Estimate, replayed: Estimate, allowed: Tolerance) -> tuple[Difference, ...]:
    found = [
        Difference(what, getattr(recorded, what), getattr(replayed, what))
        for what in ("status", "code")
        if getattr(recorded, what) != getattr(replayed, what)
    ]
    if not _close(_ages(recorded), _ages(replayed), allowed.age_years):
        found.append(Difference("age_years", recorded.age_years, replayed.age_years))
    before, now = recorded.interval_years or (), replayed.interval_years or ()
    if not _close(before, now, allowed.age_years):
        found.append(Difference("interval_years", list(before) or None, list(now) or None))
    return (*found, *_of_neighbours(recorded.neighbours, replayed.neighbours, allowed.distance))


def _ages(estimate: Estimate) -> tuple[float, ...]:
    return () if estimate.age_years is None else (estimate.age_years,)


def _close(before: Sequence[float], now: Sequence[float], allowed_years: float) -> bool:
    gaps = [abs(one - other) for one, other in zip(before, now, strict=False)]
    return len(before) == len(now) and all(gap <= allowed_years for gap in gaps)


def _of_neighbours(before: Sequence[Neighbour], now: Sequence[Neighbour], allowed: float) -> list[Difference]:
    """Compare which faces there are, then labels and distances of common faces.

    A face missing on one side counts only if it is nearer than the other's last face by more than the
    tolerance, because faces at the end may change places.
    """
    old, new = ({near.face_id: near for near in side} for side in (before, now))
    gone = _beyond_the_end(old, new, now, allowed)
    come = _beyond_the_end(new, old, before, allowed)
    found = [Difference("neighbours", gone, come)] if gone or come or len(before) != len(now) else []
    for face_id in old.keys() & new.keys():
        if old[face_id].age_years != new[face_id].age_years:
            labels = ({face_id: side[face_id].age_years} for side in (old, new))
            found.append(Difference("label", *labels))
        if abs(old[face_id].distance - new[face_id].distance) > allowed:
            distances = ({face_id: side[face_id].distance} for side in (old, new))
            found.append(Difference("distance", *distances))
    return found


def _beyond_the_end(
    side: Mapping[str, Neighbour], other: Mapping[str, Neighbour], listed: Sequence[Neighbour], allowed: float
) -> list[str]:
    near_the_end = (listed[-1].distance if listed else 0.0) - allowed
    return [
        face_id
        for face_id, near in side.items()
        if face_id not in other and (len(side) != len(other) or near.distance < near_the_end)
    ]
