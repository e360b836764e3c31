"""The first half of an estimate, which needs a photo and the model only: find the face, and predict."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from simsvc.domain.estimate.output.table_rows import Key
from simsvc.domain.estimate.rules import Rules
from simsvc.domain.photo.crop import CROP_MARGIN
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick
from simsvc.domain.photo.quality import crops_for, measured
from simsvc.domain.photo.upright import looked_at
from simsvc.errors import FaceError, NotJudged, PhotoError, PhotoMissing, PhotoTooManyBytes, SimsvcError
from simsvc.messages import Message
from simsvc.ports import Detector, Model, PictureDecoder
from simsvc.values import Crop, Prediction, Quality

_log = logging.getLogger(__name__)


class Sight(Protocol):
    """What finds a face in a photo and predicts from it."""

    @property
    def detector(self) -> Detector:
        """Finds the faces."""

    @property
    def model(self) -> Model:
        """Predicts age and embedding."""

    @property
    def max_bytes(self) -> int:
        """Largest photo."""

    @property
    def rules(self) -> Rules:
        """Rules of the model."""

    @property
    def decoder(self) -> PictureDecoder | None:
        """Decodes photos; None: in this process, without limits on time and memory."""


class File(Protocol):
    """A photo file."""

    @property
    def path(self) -> Path | str:
        """Its path, or its URL in an object store."""

    @property
    def shown(self) -> str:
        """Its printable path."""

    @property
    def key(self) -> Key:
        """Its identity: name, size and modification time."""


class StepTimes:
    """Milliseconds by step, in order: nested steps not counted twice, repeated steps added up."""

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, earlier: Mapping[str, float] | None = None
    ) -> None:
        """Start the clock; `earlier` times, with their "total", are those of steps on another host."""
        self._clock = clock
        self._start = clock()
        self._within_s = 0.0
        self.ms: dict[str, float] = dict(earlier or {})
        self._earlier_ms = self.ms.pop("total", 0.0)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, even if it fails."""
        start, outside_s = self._clock(), self._within_s
        self._within_s = 0.0
        try:
            yield
        finally:
            taken_s = self._clock() - start
            self.ms[name] = round(self.ms.get(name, 0.0) + (taken_s - self._within_s) * 1000.0, 2)
            self._within_s = outside_s + taken_s

    def with_total(self) -> dict[str, float]:
        """Return the times with "total" since the first step."""
        total_ms = self._earlier_ms + (self._clock() - self._start) * 1000.0
        return {**self.ms, "total": round(total_ms, 2)}


@dataclass(frozen=True, slots=True, eq=False)
class FoundFace:
    """The face that a photo is judged by.

    Attributes:
        crop: what the model is given.
        look: the crop that reveals copies.
    """

    crop: Crop
    look: Crop
    flags: tuple[str, ...]
    quality: Quality


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What a photo shows, before it is compared with reference faces.

    Attributes:
        engine: what ran the model, and in what numbers.
        found: None if the photo was refused.
        prediction: None if the photo was refused.
        refusal: why it was refused, or None.
        ms: milliseconds by step.
    """

    photo_sha256: str
    engine: str
    ms: Mapping[str, float] = field(default_factory=dict)
    found: FoundFace | None = None
    prediction: Prediction | None = None
    refusal: Message | None = None


Seen = Looked | Message
"""What a photo shows, or why its file gave no photo."""


def find_face(data: bytes, sight: Sight, times: StepTimes) -> FoundFace:
    """Return the face of a photo; raises PhotoError or FaceError if there is none to judge by."""
    model = sight.model
    with times.step("decode"):
        again = partial(times.step, "decode")
        photo = decode(
            data,
            max_bytes=sight.max_bytes,
            first_px=model.first_decode_px,
            within=again,
            reading=model.reading,
            decoder=sight.decoder,
        )
    with times.step("detect"):
        right = looked_at(photo, sight.detector.detect, model.reading)
    with times.step("pick"):
        photo, picked = right.photo, pick(right.faces)
    with times.step("crop"):
        near = min(model.crop_margin, CROP_MARGIN)
        judged, sized = crops_for(
            photo, picked.face, model.input_px, sight.rules.quality_px, model.crop_margin
        )
    with times.step("quality"):
        quality = measured(sized, photo, picked.face, near, right.turned_deg)
    look = judged if near < model.crop_margin else sized
    return FoundFace(judged, look, (*right.flags, *picked.flags), quality)


def look(data: bytes, sight: Sight) -> Looked:
    """Return what a photo shows; raises BundleError if the model cannot be used."""
    times, sha256 = StepTimes(), hashlib.sha256(data).hexdigest()
    try:
        found = find_face(data, sight, times)
    except (PhotoError, FaceError) as refusal:
        return Looked(sha256, sight.model.engine, times.with_total(), refusal=refusal.message)
    with times.step("predict"):
        prediction = sight.model.predict([found.crop])
    return Looked(sha256, sight.model.engine, times.with_total(), found, prediction)


def look_at_file(file: File, sight: Sight, read: Callable[[Path | str, int], bytes]) -> Seen:
    """Return what a photo file shows; raises BundleError if the model cannot be used."""
    try:
        return look(read(file.path, sight.max_bytes), sight)
    except (PhotoMissing, PhotoTooManyBytes) as refusal:
        return refusal.message
    except SimsvcError:
        raise
    except Exception:  # a bug: the other photos must not wait for a fix
        _log.exception("%s could not be judged", file.shown)
        return NotJudged().message
