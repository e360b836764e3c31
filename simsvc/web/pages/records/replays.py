"""/estimates/<id>/replay: repeat an estimate and compare it with its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from simsvc.domain.estimate.agreement import tolerance
from simsvc.errors import BundleError, IndexUnusable, KeepError, PhotoDiffers, PhotoNotKept
from simsvc.flows.estimates.replay import Replay
from simsvc.values import Neighbour, RecordedEstimate
from simsvc.web.http.current import person, services
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem
from simsvc.web.http.upload import FIELD
from simsvc.wiring.replay import replayer

blueprint = Blueprint("replays", __name__)


@dataclass(frozen=True, slots=True)
class FacePair:
    """The recorded and the replayed reference face of a rank."""

    recorded: Neighbour | None
    replayed: Neighbour | None

    @property
    def same(self) -> bool:
        """Return whether both are the same face."""
        ids = [near.face_id if near else None for near in (self.recorded, self.replayed)]
        return ids[0] == ids[1]


@blueprint.get("/estimates/<public_id>/replay")
def show(public_id: str) -> ResponseReturnValue:
    """Show what a replay of the record needs, and the form that starts it."""
    return _page(services().estimates.find(public_id))


@blueprint.post("/estimates/<public_id>/replay")
def create(public_id: str) -> ResponseReturnValue:
    """Replay the estimate from the photo that was sent, the kept one or the face crop, and show both."""
    recorded, part = services().estimates.find(public_id), request.files.get(FIELD)
    photo = part.stream.read() if part and part.filename else None
    try:
        replay = replayer(services()).replay(public_id, f"user:{person().id}", photo, from_crop=True)
    except (KeepError, BundleError, IndexUnusable) as refusal:
        about = (FIELD,) if isinstance(refusal, (PhotoDiffers, PhotoNotKept)) else ()
        return _page(recorded, problems=[Problem(refusal.message, about)]), status_of(refusal)
    return _page(recorded, replay)


def _page(recorded: RecordedEstimate, replay: Replay | None = None, problems: Sequence[Problem] = ()) -> str:
    answer = recorded.estimate
    pairs = zip_longest(answer.neighbours, replay.replayed.neighbours) if replay else ()
    return render_template(
        "replay.html",
        recorded=recorded,
        estimate=answer,
        problems=problems,
        sources=replayer(services()).sources(recorded.id),
        model_kept=_model_is_kept(recorded),
        build_kept=answer.index in services().shelf.labels(),
        max_bytes=services().settings.max_upload_bytes,
        replay=replay,
        allowed=tolerance(answer, replay.replayed) if replay else None,
        differing={entry.what for entry in replay.differences} if replay else set(),
        pairs=[FacePair(before, now) for before, now in pairs],
    )


def _model_is_kept(recorded: RecordedEstimate) -> bool:
    answer = recorded.estimate
    kept = services().models.kept()
    if answer.bundle_sha256:
        return any(bundle.folder.name == answer.bundle_sha256 for bundle in kept)
    return any(bundle.sha256 == answer.model_sha256 for bundle in kept)
