"""From measured faces to bounds: beyond which an estimate is flagged, and beyond which it is withheld.

Each measure is judged on undegraded validation faces together with copies degraded in the way that it should
notice. Sorted from the worst value on, the faces are taken in bins of `BIN_FACES`; a bound lies where the
first bin begins that is no longer harmed (see `Level`), but never so far in that it would meet more than a
small share of the undegraded faces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.estimate.interval import Calibration
from simsvc.domain.estimate.rules import GALLERY_FACES, QUALITY_SIDE, SUPPORT_AT_LEAST
from simsvc.domain.estimate.support import LEAST_SUPPORT
from simsvc.domain.photo.quality import LIMITS, SIDE_PX
from trainer.datasets.degrade import KINDS
from trainer.evaluation import judging as withhold_faces
from trainer.evaluation.judging import Judged
from trainer.evaluation.measures.conformal import COVERAGE, DECADE_COVERAGE, LEAST_FACES
from trainer.evaluation.measures.metrics import bootstrapped
from trainer.evaluation.measures.ranges import ranges

CLEAN = "clean"
BIN_FACES = LEAST_FACES  # Faces per bin, enough to tell coverage from `DECADE_COVERAGE`, see `LEAST_FACES`
DECIMALS = 4  # Of bounds in model.json: as fine as the measures themselves are recorded
CAUSES: Mapping[str, tuple[str, ...]] = {
    "sharpness_at_least": ("blur",),
    "luminance_at_least": ("dark",),
    "luminance_at_most": ("bright",),
    "bright_share_at_most": ("bright",),
    "yaw_at_most": (),
    "crop_outside_at_most": (),
    "box_outside_at_most": (),
    "border_gap_at_least": (),
    "confidence_at_least": (),
    "roll_deg_at_most": ("tilted",),
    SUPPORT_AT_LEAST: tuple(KINDS),
}
"""Measure to the kinds of degradation it is there to notice; all else would be blamed on it by accident."""

_OF_BOTH_LEVELS = {
    "sharpness_at_least": 4.0,
    "yaw_at_most": 0.5,
    "roll_deg_at_most": 14.0,
    "crop_outside_at_most": 0.28,
    "box_outside_at_most": 0.06,
    "border_gap_at_least": 0.18,
    "confidence_at_least": 0.9,
}
_LIGHT = ("luminance_at_least", "luminance_at_most", "bright_share_at_most")
MANY_SOURCES: Mapping[str, Mapping[str, float]] = {
    "quality": _OF_BOTH_LEVELS | dict(zip(_LIGHT, (15.0, 200.0, 0.4), strict=True)),
    "withhold": _OF_BOTH_LEVELS | dict(zip(_LIGHT, (10.0, 220.0, 0.5), strict=True)),
}
"""Bounds of measures that one data set of aligned crops cannot tell, read off photos of many sources.

Source: `python -m trainer bounds`. Flagged: where estimates of copies begin to move by years from those of
the photos. Withheld: where one in ten moves by more than ten years or, for heads that are turned aside, where
estimates lie three times as far outside their bands. They replace what is chosen here for the same measure.
"""


@dataclass(frozen=True, slots=True)
class Level:
    """When a bin of faces counts as harmed; intervals are 95% bootstrap."""

    name: str  # "quality" or "withhold": the entry of model.json
    clean_share: float  # of undegraded faces, at most, beyond one bound
    excess_years: float  # the lower end of the bin's MAE is more than this above that of undegraded faces
    coverage: float  # the share of the bin within its ranges lies below this, by its upper end


LEVELS = (
    Level("quality", clean_share=0.02, excess_years=1.0, coverage=1.0),
    Level("withhold", clean_share=0.01, excess_years=1.0, coverage=DECADE_COVERAGE),
)
"""A flag: a year worse, which is the step of ages in which premiums are tabled (such as Society of Actuaries,
"2017 CSO", a rate for each whole year). Withheld: the range no longer holds either what it must hold in every
decade, so that the estimate misleads even a reader who minds its range."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """N judged photos with what is known of them."""

    kind: str  # "clean" or one of `KINDS`
    judged: Judged
    support: NDArray[np.float64]  # (N,), NaN where there is no estimate
    errors_years: NDArray[np.float64]  # (N,), estimate less label, NaN where there is no estimate
    covered: NDArray[np.bool_]  # (N,), whether the label lies in the calibrated range

    def badness(self, name: str) -> NDArray[np.float64]:
        """Return a measure of `CAUSES`, float64 (N,), turned so that more is worse; NaN where not known."""
        if name == SUPPORT_AT_LEAST:
            return -self.support
        limit = LIMITS[name]
        values = self.judged.measured(limit.attribute)
        return -values if limit.at_least else np.abs(values) if limit.either_side else values

    def of(self, positions: Sequence[int]) -> Measured:
        """Return some of the photos."""
        at = list(positions)
        judged = self.judged.of(at)
        return Measured(self.kind, judged, self.support[at], self.errors_years[at], self.covered[at])


def joined(kind: str, parts: Sequence[Measured]) -> Measured:
    """Return the photos of all parts, at least one, as one part of a kind."""
    return Measured(
        kind,
        withhold_faces.joined([part.judged for part in parts]),
        np.concatenate([part.support for part in parts]),
        np.concatenate([part.errors_years for part in parts]),
        np.concatenate([part.covered for part in parts]),
    )


def measured(
    kind: str,
    judged: Judged,
    support: NDArray[np.float64],
    labels_years: NDArray[np.float64],
    calibration: Calibration,
) -> Measured:
    """Return what is known of judged photos with labels, float64 (N,)."""
    known = judged.estimated
    inside = np.zeros(len(known), dtype=np.bool_)
    ends = ranges(judged.estimates_years[known], judged.doubts[known], calibration)
    inside[known] = (ends[:, 0] <= labels_years[known]) & (labels_years[known] <= ends[:, 1])
    return Measured(kind, judged, support, judged.estimates_years - labels_years, inside)


@dataclass(frozen=True, slots=True, eq=False)
class _Pool:
    """Faces in which one measure is known, the worst first: each array (N,)."""

    badness: NDArray[np.float64]
    absolute_years: NDArray[np.float64]
    covered: NDArray[np.float64]

    def harmed(self, start: int, end: int, clean_mae_years: float, level: Level) -> bool:
        excess = bootstrapped(self.absolute_years[start:end]).low - clean_mae_years
        coverage = bootstrapped(self.covered[start:end]).high
        return excess > level.excess_years and (level.coverage >= 1 or coverage < level.coverage)


def pool(parts: Sequence[Measured], name: str) -> _Pool:
    """Join the faces of all parts in which a measure is known."""
    badness = np.concatenate([part.badness(name) for part in parts])
    known = np.flatnonzero(np.isfinite(badness))
    order = known[np.argsort(-badness[known], kind="stable")]
    absolute = np.abs(np.concatenate([part.errors_years for part in parts]))
    covered = np.concatenate([part.covered for part in parts]).astype(np.float64)
    return _Pool(badness[order], absolute[order], covered[order])


def bound(faces: _Pool, clean: _Pool, level: Level) -> float | None:
    """Return the badness beyond which a level applies, or None where no bound is called for."""
    clean_mae = float(clean.absolute_years.mean())
    start = 0
    while (end := _bin_end(faces.badness, start)) and faces.harmed(start, end, clean_mae, level):
        start = end
    if not start:
        return None
    mildest = clean.badness[min(int(level.clean_share * len(clean.badness)), len(clean.badness) - 1)]
    found = max(float(faces.badness[min(start, len(faces.badness) - 1)]), float(mildest))
    return found if (faces.badness > found).any() else None


def _bin_end(badness: NDArray[np.float64], start: int) -> int:
    """Return where the bin from `start` ends, equal values kept together; 0 where too few faces are left."""
    end = start + BIN_FACES
    if end > len(badness):
        return 0
    return int(np.searchsorted(-badness, -badness[end - 1], side="right"))


def choose(
    parts: Sequence[Measured], stated: Mapping[str, Mapping[str, float]] = MANY_SOURCES
) -> list[dict[str, Any]]:
    """Return every bound that is called for, with what lies beyond it among the faces it was chosen on.

    `parts` are undegraded validation faces (kind "clean") and degraded copies of some of them; `stated` has,
    by level and measure, bounds that are taken as they are.
    """
    chosen = []
    for name, kinds in CAUSES.items():
        clean = pool([part for part in parts if part.kind == CLEAN], name)
        faces = pool([part for part in parts if part.kind in (CLEAN, *kinds)], name)
        for level in LEVELS if len(clean.badness) else ():
            if name in stated.get(level.name, {}):
                found: float | None = _badness(name, stated[level.name][name])
            elif (level.name, name) == ("quality", SUPPORT_AT_LEAST):
                found = None
            else:
                found = bound(faces, clean, level)
            if found is not None:
                chosen.append(_entry(name, level, found, faces, clean))
    return chosen


def _badness(name: str, value: float) -> float:
    return -value if LIMITS[name].at_least else value


def _entry(name: str, level: Level, badness: float, faces: _Pool, clean: _Pool) -> dict[str, Any]:
    lowered = name == SUPPORT_AT_LEAST or LIMITS[name].at_least
    value = round(-badness if lowered else badness, DECIMALS)
    if name == SUPPORT_AT_LEAST:  # what is withheld for it must be flagged for it, in the flag's own words
        value = min(value, LEAST_SUPPORT)
    beyond = faces.badness > (-value if lowered else value)
    return {
        "level": level.name,
        "name": name,
        "bound": value,
        "clean_share": round(float((clean.badness > (-value if lowered else value)).mean()), 4),
        "faces": int(beyond.sum()),
        "mae": asdict(bootstrapped(faces.absolute_years[beyond])) if beyond.any() else None,
        "coverage": asdict(bootstrapped(faces.covered[beyond])) if beyond.any() else None,
    }


def entries(
    chosen: Sequence[Mapping[str, Any]], source: str, model_sha256: str, gallery_faces: int
) -> dict[str, dict[str, Any]]:
    """Return the `quality` and `withhold` entries of model.json."""
    found: dict[str, dict[str, Any]] = {
        level.name: {"source": source, "model_sha256": model_sha256} for level in LEVELS
    }
    found["quality"][QUALITY_SIDE] = SIDE_PX
    for entry in chosen:
        found[entry["level"]][entry["name"]] = entry["bound"]
        if entry["name"] == SUPPORT_AT_LEAST:
            found[entry["level"]][GALLERY_FACES] = gallery_faces
    return found


def stated() -> str:
    """Say in words how bounds are chosen, for the record."""
    flag, withhold = LEVELS
    return (
        f"Validation faces and degraded copies, sorted by each measure from the worst value on, in bins of "
        f"{BIN_FACES}. Flagged: bins whose MAE is over {flag.excess_years:g} year above that of undegraded "
        f"faces, by the lower end of its 95% bootstrap interval. Withheld: those of which moreover fewer "
        f"than {withhold.coverage:.0%} lie in their {COVERAGE:.0%} range, by the upper end. A bound meets at "
        f"most {flag.clean_share:.0%} ({withhold.clean_share:.0%} where withheld) of the undegraded faces."
    )
