"""Repeat an estimate with its original model and index build, and compare it with the record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from simsvc.domain.estimate.agreement import Difference, differences, tolerance
from simsvc.domain.photo.encode import from_png
from simsvc.errors import EstimateNotFound, PhotoDiffers, PhotoNotKept
from simsvc.flows.estimates.estimate import EstimatePipeline, answered, answered_from_crop
from simsvc.ports import RecordFinder
from simsvc.values import Crop, Estimate, Neighbour, RecordedEstimate

Source = Literal["sent", "kept", "crop"]
"""What a replay starts from: a photo that was sent, the kept photo, or the recorded face crop."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of a replay, with the IDs of recorded reference faces that have been erased since."""

    recorded: RecordedEstimate
    replayed: Estimate
    source: Source
    differences: tuple[Difference, ...]
    erased: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Return whether age, range and neighbours agree within the tolerances."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class Replayer:
    """Dependencies of replays.

    Attributes:
        kept_photo: returns the kept photo of an estimate, or None; raises PhotoLocked.
        has_photo: returns whether the photo of an estimate is kept, without decrypting it.
        crop_png: returns the recorded face crop of an estimate; raises EstimateNotFound if there is none.
        pipeline: returns the model and index build of a record, all files verified; raises ModelGone,
            BuildGone, BundleDamaged, IndexDamaged.
        log: logs a replay: actor, public ID of the estimate, result.
    """

    records: RecordFinder
    kept_photo: Callable[[str], bytes | None]
    has_photo: Callable[[str], bool]
    crop_png: Callable[[str], bytes]
    pipeline: Callable[[RecordedEstimate], EstimatePipeline]
    erased: Callable[[], frozenset[str]]
    log: Callable[[str, str, dict[str, object]], None]

    def replay(
        self, public_id: str, actor: str, photo: bytes | None = None, *, from_crop: bool = False
    ) -> Replay:
        """Repeat an estimate with the original photo, by default the kept one, and compare it to the record.

        Without a photo, `from_crop` lets the replay start from the recorded face crop: then it repeats the
        estimate, the range and the comparison, but not how the face was found.

        Raises EstimateNotFound if the estimate does not exist; PhotoNotKept if no photo was sent, and none is
        kept; PhotoLocked if the kept photo cannot be decrypted; PhotoDiffers if another photo was sent;
        ModelGone if the model is no longer kept; BuildGone if the index build no longer exists; BundleDamaged
        if a file of the model has changed; IndexDamaged if a file of the index build has changed; StoreError
        if the database cannot be used.
        """
        recorded = self.records.find(public_id)
        source, data = self._starting_from(recorded, photo, from_crop=from_crop)
        pipeline = self.pipeline(recorded)
        if source == "crop":
            replayed = answered_from_crop(Crop(from_png(data)), recorded.estimate, pipeline)
        else:
            replayed = answered(data, recorded.estimate.photo_name, pipeline)
        gone = self.erased()
        replay = Replay(
            recorded,
            replayed,
            source,
            differences(recorded.estimate, replayed),
            tuple(near.face_id for near in recorded.estimate.neighbours if near.face_id in gone),
        )
        outcome = {"agrees": replay.agrees, "differences": [entry.what for entry in replay.differences]}
        self.log(actor, public_id, outcome)
        return replay

    def sources(self, public_id: str) -> tuple[Source, ...]:
        """Return what the service itself has to start a replay from: kept photo, crop, both or nothing."""
        found: list[Source] = []
        if self.has_photo(public_id):
            found.append("kept")
        if self._crop(public_id) is not None:
            found.append("crop")
        return tuple(found)

    def _starting_from(
        self, recorded: RecordedEstimate, photo: bytes | None, *, from_crop: bool
    ) -> tuple[Source, bytes]:
        source: Source = "sent"
        if photo is None:
            source, photo = "kept", self.kept_photo(recorded.id)
        if photo is None and from_crop:
            source, photo = "crop", self._crop(recorded.id)
        if photo is None:
            raise PhotoNotKept()
        if source != "crop" and hashlib.sha256(photo).hexdigest() != recorded.estimate.photo_sha256:
            raise PhotoDiffers()
        return source, photo

    def _crop(self, public_id: str) -> bytes | None:
        try:
            return self.crop_png(public_id)
        except EstimateNotFound:
            return None


def describe_replay(replay: Replay) -> dict[str, object]:
    """Return the replay as an object ready for JSON; figures unrounded."""
    return {
        "id": replay.recorded.id,
        "agrees": replay.agrees,
        "differences": [asdict(entry) for entry in replay.differences],
        "tolerance": asdict(tolerance(replay.recorded.estimate, replay.replayed)),
        "photo": replay.source,
        "model": replay.recorded.estimate.model,
        "model_sha256": replay.recorded.estimate.model_sha256,
        "index": replay.recorded.estimate.index,
        "face_changes": replay.recorded.estimate.face_changes,
        "engine": replay.replayed.engine,
        "recorded_engine": replay.recorded.estimate.engine,
        "erased_faces": list(replay.erased),
        "recorded": _figures(replay.recorded.estimate),
        "replayed": _figures(replay.replayed),
    }


def _figures(estimate: Estimate) -> dict[str, object]:
    return {
        "status": estimate.status,
        "code": estimate.code,
        "age_years": estimate.age_years,
        "interval_years": list(estimate.interval_years) if estimate.interval_years else None,
        "neighbours": [_neighbour(near) for near in estimate.neighbours],
    }


def _neighbour(near: Neighbour) -> dict[str, object]:
    return {"face_id": near.face_id, "age_years": near.age_years, "distance": near.distance}
