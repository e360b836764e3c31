"""An estimate made again by the model and the index build that made it, and held against its record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

from simsvc.domain.estimate.agreement import Difference, differences, tolerance
from simsvc.errors import PhotoDiffers, PhotoNotKept
from simsvc.flows.estimate import EstimatePipeline, answered
from simsvc.values import Estimate, Neighbour, RecordedEstimate


class Records(Protocol):
    """Estimates on record."""

    def find(self, public_id: str) -> RecordedEstimate:
        """Return an estimate; raises EstimateNotFound."""
        ...


@dataclass(frozen=True, slots=True)
class Replay:
    """What came out.

    Attributes:
        recorded: the estimate on record.
        replayed: the same made again, not recorded.
        kept_photo: whether it was made of the kept photo, not of one that was sent again.
        differences: where the two do not agree; empty where they do.
        erased: ids of labelled faces on the record that were erased since, so that they cannot come again.
    """

    recorded: RecordedEstimate
    replayed: Estimate
    kept_photo: bool
    differences: tuple[Difference, ...]
    erased: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Say whether age, interval and neighbours agree within the tolerances."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class Replayer:
    """What a replay needs.

    Attributes:
        records: estimates on record.
        kept_photo: gives the photo of an estimate, or None; raises PhotoLocked.
        corridor: gives the model and index build of a record, every file checked; raises ModelGone,
            BuildGone, BundleDamaged, IndexDamaged.
        erased: ids of labelled faces that were erased.
        log: puts on record that a replay was made: actor, public id of the estimate, what came out.
    """

    records: Records
    kept_photo: Callable[[str], bytes | None]
    corridor: Callable[[RecordedEstimate], EstimatePipeline]
    erased: Callable[[], frozenset[str]]
    log: Callable[[str, str, dict[str, object]], None]

    def replay(self, public_id: str, actor: str, photo: bytes | None = None) -> Replay:
        """Make an estimate again and say whether it agrees.

        Args:
            public_id: of the estimate.
            actor: who asks, as the log names it.
            photo: the photo once more; without it the kept one is taken.

        Raises:
            EstimateNotFound: no estimate has that id.
            PhotoNotKept: no photo was sent, and none is kept.
            PhotoLocked: the kept photo cannot be opened.
            PhotoDiffers: another photo was sent.
            ModelGone: the model is no longer kept.
            BuildGone: the index build is no longer there.
            BundleDamaged: a file of the model is not as it was.
            IndexDamaged: a file of the index build is not as it was.
            StoreError: the database cannot be used.
        """
        recorded = self.records.find(public_id)
        data = photo if photo is not None else self._kept(public_id)
        if hashlib.sha256(data).hexdigest() != recorded.estimate.photo_sha256:
            raise PhotoDiffers(
                "This is not the photo of the record: its SHA-256 is another one. "
                "Send the very file that was uploaded then."
            )
        replayed = answered(data, recorded.estimate.photo_name, self.corridor(recorded))
        gone = self.erased()
        replay = Replay(
            recorded,
            replayed,
            photo is None,
            differences(recorded.estimate, replayed),
            tuple(near.face_id for near in recorded.estimate.neighbours if near.face_id in gone),
        )
        outcome = {"agrees": replay.agrees, "differences": [entry.what for entry in replay.differences]}
        self.log(actor, public_id, outcome)
        return replay

    def _kept(self, public_id: str) -> bytes:
        photo = self.kept_photo(public_id)
        if photo is None:
            raise PhotoNotKept(
                "The photo of this record is not kept. Send it again with the request: "
                "its SHA-256 is compared with the recorded one."
            )
        return photo


def describe_replay(replay: Replay) -> dict[str, object]:
    """Return the replay as an object ready for JSON; figures unrounded."""
    return {
        "id": replay.recorded.id,
        "agrees": replay.agrees,
        "differences": [asdict(entry) for entry in replay.differences],
        "tolerance": asdict(tolerance(replay.recorded.estimate, replay.replayed)),
        "photo": "kept" if replay.kept_photo else "sent",
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
