"""What model.json says about answering: the calibration, the quality thresholds, and when to withhold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simsvc.errors import BundleDamaged
from simsvc.steps.flags import FLAGS, flag_sentence
from simsvc.steps.interval import Calibration, parse_calibration
from simsvc.steps.quality import LIMITS


@dataclass(frozen=True, slots=True)
class Rules:
    """How a model's estimates are to be answered; all empty for a model that was never calibrated.

    Attributes:
        calibration: of its intervals, or None.
        thresholds: name of `steps.quality.LIMITS` to value; beyond it a flag is raised.
        withhold: flags on which a person should judge instead.
    """

    calibration: Calibration | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    withhold: tuple[str, ...] = ()

    def refer_reason(self, flags: Sequence[str]) -> str | None:
        """Return why a person should judge a face with these flags, or None where the estimate may stand."""
        reasons = [flag_sentence(flag) for flag in flags if flag in self.withhold]
        return " ".join(reasons) or None


def parse_rules(raw: Mapping[str, object], model_sha256: str) -> Rules:
    """Read `calibration`, `quality` and `withhold` of model.json, each of which may be absent.

    Args:
        raw: all of model.json.
        model_sha256: of the bundle's model.onnx.

    Raises:
        BundleDamaged: one cannot be understood, or the calibration is of another model.
    """
    calibration = parse_calibration(raw["calibration"], model_sha256) if "calibration" in raw else None
    return Rules(calibration, _thresholds(raw.get("quality")), _withhold(raw.get("withhold")))


def _thresholds(raw: object) -> dict[str, float]:
    if raw is None:
        return {}
    if not isinstance(raw, dict) or not isinstance(raw.get("source"), str):
        raise _damaged("its quality thresholds do not say what they rest on")
    found: dict[str, float] = {}
    for name, value in raw.items():
        if name == "source":
            continue
        if name not in LIMITS or isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _damaged(f"{name!r} is no quality threshold known here, or no number")
        if not math.isfinite(value) or value < 0:
            raise _damaged(f"the quality threshold {name!r} is no number from 0 on")
        found[name] = float(value)
    return found


def _withhold(raw: object) -> tuple[str, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list) or not all(isinstance(flag, str) and flag in FLAGS for flag in raw):
        raise _damaged("it withholds estimates on a flag that is not known here")
    return tuple(raw)


def _damaged(problem: str) -> BundleDamaged:
    return BundleDamaged(
        f"The model cannot be used: {problem}. Correct its model.json, or export the bundle anew."
    )
