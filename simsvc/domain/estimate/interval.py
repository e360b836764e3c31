"""The calibrated range of an estimate, and its calibration in model.json."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from simsvc.errors import BundleDamaged

FORMAT, SCALED_FORMAT = 1, 2
"""Format versions of the calibration in model.json: without and with a `doubt_power`. Others are refused."""


@dataclass(frozen=True, slots=True)
class Band:
    """One band of estimates with its error quantiles.

    Attributes:
        from_years: lowest estimate of the band, inclusive; it ends where the next band starts.
        below_years: added to the estimate for the lower end; usually negative. Both are multiplied by the
            calibration's scale, if it has one.
        above_years: added to the estimate for the upper end; usually positive.
    """

    from_years: float
    below_years: float
    above_years: float
    faces: int

    def __post_init__(self) -> None:
        values = (self.from_years, self.below_years, self.above_years)
        if not all(math.isfinite(value) for value in values) or self.from_years < 0:
            raise ValueError(f"a band's ages are finite numbers from 0 on, not {values}")
        if self.below_years > self.above_years:
            raise ValueError(f"a band reaches up from {self.below_years}, not down to {self.above_years}")
        if self.faces < 1:
            raise ValueError(f"a band rests on at least one face, not {self.faces}")


@dataclass(frozen=True, slots=True)
class Calibration:
    """A split-conformal calibration of one model, by bands of the estimate.

    Source: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005, section 4.5
    (Mondrian conformal predictors). Lei et al., "Distribution-Free Predictive Inference for Regression",
    JASA 113, 2018, section 5.2, for ranges that are wider where a larger error is expected.

    Attributes:
        coverage: intended share of faces within the range, such as 0.9.
        model_sha256: of the model.onnx it was measured on.
        bands: ascending, the first from 0 years.
        doubt_power: ranges are multiplied by 1 + the expected error in years, to this power.
    """

    method: str
    coverage: float
    model_sha256: str
    source: str
    split: str
    faces: int
    bands: tuple[Band, ...]
    doubt_power: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.doubt_power <= 2:
            raise ValueError(
                f"ranges grow with the expected error to a power of 0 to 2, not {self.doubt_power}"
            )
        starts = [band.from_years for band in self.bands]
        if not starts or starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
            raise ValueError(f"bands start at 0 and ascend, unlike {starts}")
        if not 0 < self.coverage < 1:
            raise ValueError(f"coverage is a share between 0 and 1, not {self.coverage}")
        if self.faces < 1:
            raise ValueError(f"a calibration rests on at least one face, not {self.faces}")

    def band(self, age_years: float) -> Band:
        """Return the band of an estimate."""
        starts = [band.from_years for band in self.bands]
        return self.bands[max(0, bisect_right(starts, age_years) - 1)]


def interval(age_years: float, calibration: Calibration, doubt: float | None = None) -> tuple[float, float]:
    """Return the range (low, high) of an estimate in years; `doubt` is its score (`domain.estimate.doubt`).

    Raises:
        ValueError: the calibration needs a doubt score, and there is none.
    """
    band, scale = calibration.band(age_years), 1.0
    if calibration.doubt_power:
        if doubt is None:
            raise ValueError("this calibration needs a doubt score")
        scale = widening(doubt, calibration.doubt_power)
    return max(0.0, age_years + scale * band.below_years), max(0.0, age_years + scale * band.above_years)


def widening(doubt: float, power: float) -> float:
    """Return what the ends of a range are multiplied by: 1 + the expected error in years, to a power."""
    return math.exp(power * max(0.0, doubt))


def parse_calibration(raw: object, model_sha256: str) -> Calibration:
    """Read the `calibration` entry of model.json for the bundle's model.onnx.

    Raises:
        BundleDamaged: it is not valid, or was measured on another model.
    """
    try:
        calibration = _calibration(raw)
    except (KeyError, TypeError, ValueError):
        raise BundleDamaged("calibration") from None
    if calibration.model_sha256 != model_sha256:
        raise BundleDamaged("calibration_model")
    return calibration


def _calibration(raw: Any) -> Calibration:
    if not isinstance(raw, dict) or raw["format"] not in (FORMAT, SCALED_FORMAT):
        raise ValueError("another format")
    return Calibration(
        method=_text(raw["method"]),
        coverage=_number(raw["coverage"]),
        model_sha256=_text(raw["model_sha256"]),
        source=_text(raw["source"]),
        split=_text(raw["split"]),
        faces=_count(raw["faces"]),
        bands=tuple(_band(entry) for entry in raw["bands"]),
        doubt_power=_number(raw["doubt_power"]) if raw["format"] == SCALED_FORMAT else 0.0,
    )


def _band(entry: dict[str, Any]) -> Band:
    start, below, above = (_number(entry[name]) for name in ("from_years", "below_years", "above_years"))
    return Band(start, below, above, _count(entry["faces"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value
