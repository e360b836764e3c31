"""Rules in model.json: calibration, quality thresholds and when to withhold."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from simsvc.domain.estimate.doubt import Doubt, parse_doubt
from simsvc.domain.estimate.flags import FLAGS, UNLIKE_THE_GALLERY, flag_sentence
from simsvc.domain.estimate.interval import Calibration, parse_calibration
from simsvc.domain.photo.quality import FORMER_SIDE_PX, LIMITS, SIDE_PX, quality_flags
from simsvc.errors import BundleDamaged
from simsvc.messages import N_, Message, Param, joined
from simsvc.values import Quality

SUPPORT_AT_LEAST = "support_at_least"
"""Name of the minimum support, in addition to `domain.photo.quality.LIMITS`."""
GALLERY_FACES = "gallery_faces"
"""Name of the number of reference faces that `SUPPORT_AT_LEAST` was measured with."""
QUALITY_SIDE = "side_px"
"""Name of the crop size for the bounds of sharpness and exposure."""
_ABOUT = ("source", "model_sha256", GALLERY_FACES, QUALITY_SIDE)
LEAST_SIDE_PX, MOST_SIDE_PX = 32, 1024
"""Crop sizes for measuring quality; smaller faces have no measurable sharpness."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules for a model's estimates; all empty for a model that was never measured.

    Attributes:
        thresholds: name of `domain.photo.quality.LIMITS` to value beyond which a flag is raised.
        withhold: flags that always need review.
        withhold_beyond: name of `domain.photo.quality.LIMITS`, or `SUPPORT_AT_LEAST`, to value beyond which
            the flag is raised and the estimate needs review.
        gallery_faces: number of reference faces the minimum support was measured with.
        quality_px: crop size for measuring quality, as for the bounds.
    """

    calibration: Calibration | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    withhold: tuple[str, ...] = ()
    withhold_beyond: Mapping[str, float] = field(default_factory=dict)
    gallery_faces: int = 0
    quality_px: int = SIDE_PX
    doubt: Doubt | None = None

    def is_doubtful(self, score: float | None) -> bool:
        """Return whether a doubt score needs review."""
        return self.doubt is not None and score is not None and score > self.doubt.threshold

    def for_gallery(self, faces: int) -> Rules:
        """Return the rules for an index with this number of faces.

        With fewer faces than the minimum support was measured with, many good photos are far from all of
        them, so low support is flagged but does not withhold.
        """
        if faces >= self.gallery_faces:
            return self
        beyond = {name: value for name, value in self.withhold_beyond.items() if name != SUPPORT_AT_LEAST}
        return replace(self, withhold_beyond=beyond)

    def severe_flags(self, quality: Quality | None, support: float | None) -> tuple[str, ...]:
        """Return the flags of every exceeded bound of `withhold_beyond`; unknown values exceed none."""
        least = self.withhold_beyond.get(SUPPORT_AT_LEAST)
        far = least is not None and support is not None and support < least
        bounds = {name: value for name, value in self.withhold_beyond.items() if name in LIMITS}
        raised = quality_flags(quality, bounds) if quality else ()
        return (UNLIKE_THE_GALLERY, *raised) if far else raised

    def refer_reason(self, flags: Sequence[str], severe: Collection[str] = ()) -> Message | None:
        """Return why a person should judge a face, by its flags and those of `severe_flags`, or None."""
        reasons = [flag_sentence(flag) for flag in flags if flag in self.withhold or flag in severe]
        return joined(*reasons) if reasons else None


def parse_rules(raw: Mapping[str, object], model_sha256: str) -> Rules:
    """Read `calibration`, `quality`, `withhold` and `doubt` of model.json, all optional.

    `withhold` is a list of flags, or a table of bounds as `quality` is.

    Raises:
        BundleDamaged: one is not valid, or was measured on another model.
    """
    calibration = parse_calibration(raw["calibration"], model_sha256) if "calibration" in raw else None
    thresholds = _bounds(raw.get("quality"), LIMITS, model_sha256)
    side_px = _side_px(raw.get("quality"))
    doubt = parse_doubt(raw["doubt"], model_sha256) if "doubt" in raw else None
    if calibration and calibration.doubt_power and doubt is None:
        raise BundleDamaged("calibration")
    withhold = raw.get("withhold")
    if isinstance(withhold, dict):
        beyond = _bounds(withhold, (*LIMITS, SUPPORT_AT_LEAST), model_sha256)
        faces = _whole(GALLERY_FACES, withhold.get(GALLERY_FACES, 0))
        return Rules(calibration, thresholds, (), beyond, faces, side_px, doubt)
    return Rules(calibration, thresholds, _flags(withhold), quality_px=side_px, doubt=doubt)


def _bounds(raw: object, known: Collection[str], model_sha256: str) -> dict[str, float]:
    if raw is None:
        return {}
    if not isinstance(raw, dict) or not isinstance(raw.get("source"), str):
        raise _damaged(Message(N_("its quality thresholds do not name their source")))
    if raw.get("model_sha256", model_sha256) != model_sha256:
        raise BundleDamaged("quality_model")
    return {name: _bound(name, value, known) for name, value in raw.items() if name not in _ABOUT}


def _bound(name: str, value: object, known: Collection[str]) -> float:
    if name not in known or isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _damaged(
            Message(N_("%(name)r is not a known quality threshold, or not a number"), {"name": name})
        )
    if not math.isfinite(value) or value < 0:
        raise _damaged(
            Message(N_("the quality threshold %(name)r is not a number of 0 or more"), {"name": name})
        )
    return float(value)


def _side_px(raw: object) -> int:
    if not isinstance(raw, dict):
        return SIDE_PX
    side_px = _whole(QUALITY_SIDE, raw.get(QUALITY_SIDE, FORMER_SIDE_PX))
    if not LEAST_SIDE_PX <= side_px <= MOST_SIDE_PX:
        bounds: dict[str, Param] = {"name": QUALITY_SIDE, "least": LEAST_SIDE_PX, "most": MOST_SIDE_PX}
        raise _damaged(Message(N_("%(name)r is not between %(least)s and %(most)s"), bounds))
    return side_px


def _whole(name: str, raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 0:
        raise _damaged(Message(N_("%(name)r is not a whole number of 0 or more"), {"name": name}))
    return raw


def _flags(raw: object) -> tuple[str, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list) or not all(isinstance(flag, str) and flag in FLAGS for flag in raw):
        raise _damaged(Message(N_("it withholds estimates for an unknown flag")))
    return tuple(raw)


def _damaged(problem: Message) -> BundleDamaged:
    return BundleDamaged("rules", problem=problem)
