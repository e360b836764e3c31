"""From photo bytes to a recorded estimate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypedDict

from simsvc.domain.estimate.age_prior import AgePrior, estimate_under
from simsvc.domain.estimate.corrected import calibrated
from simsvc.domain.estimate.doubt import answer_of
from simsvc.domain.estimate.explain import explained
from simsvc.domain.estimate.rank import Compared, rank
from simsvc.domain.estimate.rules import Rules
from simsvc.domain.estimate.support import K
from simsvc.domain.files.file_names import canonical_name
from simsvc.domain.photo.decode import MAX_BYTES
from simsvc.errors import FaceError, PhotoError, PriorUnfit
from simsvc.flows.estimates.compare_faces import JudgedFace, one_vote_each
from simsvc.flows.estimates.look import FoundFace, Looked, StepTimes, find_face
from simsvc.ports import Detector, Index, Model, PictureDecoder, Recorder
from simsvc.values import AgePriorUse, Crop, Declaration, Estimate, Prediction, RecordedEstimate

OVERFETCH = 2
"""Factor of requested to displayed neighbours, so that duplicates can be left out."""
ONE_VOTE_READING = 2
"""Minimum `reading` of model.json for counting each photo once."""


def ignore(estimate: Estimate) -> None:
    """Do nothing with an estimate that was recorded."""
    del estimate


@dataclass(frozen=True, slots=True)
class EstimatePipeline:
    """What an estimate needs of the outside world.

    Attributes:
        index: returns the index in service; called once per photo.
        bundle_sha256: of the model's model.json, for the record.
        keep_photos: whether the recorder gets the photo itself.
        recorded: called with every recorded estimate.
        admitted: called before a photo is estimated for the record; raises if none may be now.
        decoder: decodes photos; None: in this process, without limits on time and memory.
        one_vote: whether each photo counts once and the query photo not at all; false for earlier models, to
            replay their estimates.
    """

    detector: Detector
    model: Model
    index: Callable[[], Index]
    recorder: Recorder
    neighbours: int = 12
    max_bytes: int = MAX_BYTES
    rules: Rules = field(default_factory=Rules)
    bundle_sha256: str | None = None
    keep_photos: bool = False
    recorded: Callable[[Estimate], None] = ignore
    admitted: Callable[[], None] = lambda: None
    decoder: PictureDecoder | None = None
    one_vote: bool = True
    age_prior: AgePrior | None = None


def estimate(
    data: bytes,
    photo_name: str,
    pipeline: EstimatePipeline,
    asked_by: str | None = None,
    declared: Declaration | None = None,
) -> RecordedEstimate:
    """Estimate the age of the face in a photo and record the result.

    A photo without a result is recorded too, with status "refused", a code and a sentence. The photo's
    name is recorded in canonical form; `asked_by` is the public ID of an account, or "token:<id>".

    Raises IndexUnusable if no index can be used, BundleError if the model cannot be used, StoreError if the
    result cannot be recorded, and what `pipeline.admitted` raises.
    """
    pipeline.admitted()
    answer = answered(data, photo_name, pipeline, asked_by, declared)
    recorded = pipeline.recorder.record(replace(answer, photo=data if pipeline.keep_photos else None))
    pipeline.recorded(answer)
    return recorded


def answered(
    data: bytes,
    photo_name: str,
    pipeline: EstimatePipeline,
    asked_by: str | None = None,
    declared: Declaration | None = None,
) -> Estimate:
    """Return the estimate without recording it; raises IndexUnusable or BundleError if one is unusable."""
    index = pipeline.index()
    named, sha256 = canonical_name(photo_name), hashlib.sha256(data).hexdigest()
    blank = replace(
        _blank(named, sha256, index, pipeline), asked_by=asked_by, declared=declared or Declaration()
    )
    times = StepTimes()
    try:
        answer = _judge(data, blank, index, pipeline, times)
    except (PhotoError, FaceError) as refusal:
        answer = replace(blank, code=refusal.code, sentence=refusal.message)
    return replace(answer, ms=times.with_total())


def answered_from_crop(crop: Crop, recorded: Estimate, pipeline: EstimatePipeline) -> Estimate:
    """Return the estimate of a recorded crop without recording it; flags and quality are the recorded ones.

    Raises IndexUnusable or BundleError if one is unusable.
    """
    index, times = pipeline.index(), StepTimes()
    blank = _blank(recorded.photo_name, recorded.photo_sha256, index, pipeline)
    seen = replace(blank, flags=recorded.flags, quality=recorded.quality, crop=crop)
    return replace(_compare(seen, crop, index, pipeline, times), ms=times.with_total())


def answered_from_look(looked: Looked, photo_name: str, pipeline: EstimatePipeline) -> Estimate:
    """Return the estimate of a photo that another process looked at, without recording it.

    Raises IndexUnusable or BundleError if one is unusable.
    """
    index, times = pipeline.index(), StepTimes(earlier=looked.ms)
    blank = _blank(canonical_name(photo_name), looked.photo_sha256, index, pipeline)
    blank = replace(blank, engine=looked.engine)
    if looked.refusal is not None:
        return replace(blank, code=looked.refusal.code, sentence=looked.refusal, ms=dict(looked.ms))
    assert looked.found is not None and looked.prediction is not None  # noqa: PT018, S101 - see Looked
    seen = _with_face(blank, looked.found)
    answer = _compared(seen, looked.found.look, looked.prediction, index, pipeline, times)
    return replace(answer, ms=times.with_total())


def _blank(photo_name: str, photo_sha256: str, index: Index, pipeline: EstimatePipeline) -> Estimate:
    return Estimate(
        photo_name=photo_name,
        photo_sha256=photo_sha256,
        status="refused",
        model=pipeline.model.version,
        model_sha256=pipeline.model.sha256,
        index=index.label,
        face_changes=index.face_changes,
        bundle_sha256=pipeline.bundle_sha256,
        engine=pipeline.model.engine,
    )


def _judge(
    data: bytes, blank: Estimate, index: Index, pipeline: EstimatePipeline, times: StepTimes
) -> Estimate:
    found = find_face(data, pipeline, times)
    return _compare(_with_face(blank, found), found.look, index, pipeline, times)


def _with_face(blank: Estimate, found: FoundFace) -> Estimate:
    return replace(blank, flags=found.flags, quality=found.quality, crop=found.crop)


def _compare(
    seen: Estimate, look: Crop, index: Index, pipeline: EstimatePipeline, times: StepTimes
) -> Estimate:
    """Estimate the age in the crop and compare it with the reference faces; `look` reveals copies."""
    assert seen.crop is not None  # noqa: S101 - for mypy
    with times.step("predict"):
        prediction = pipeline.model.predict([seen.crop])
    return _compared(seen, look, prediction, index, pipeline, times)


def _compared(
    seen: Estimate,
    look: Crop,
    prediction: Prediction,
    index: Index,
    pipeline: EstimatePipeline,
    times: StepTimes,
) -> Estimate:
    with times.step("search"):
        asked = max(K, pipeline.neighbours * OVERFETCH)
        found = index.search(prediction.embeddings[0], asked)
    with times.step("rank"):
        compared = Compared(found)
        if pipeline.one_vote:
            judged_face = JudgedFace(look, prediction.embeddings[0])
            wanted = max(K, pipeline.neighbours)
            compared = one_vote_each(found, asked, wanted, judged_face, index)
        neighbours = rank(compared.neighbours, pipeline.neighbours)
    with times.step("explain"):
        seen = replace(
            seen,
            status="estimated",
            **_ages(prediction, pipeline),
            neighbours=neighbours,
            embedding=prediction.embeddings[0],
        )
        rules = pipeline.rules.for_gallery(index.count)
        seen = calibrated(seen, compared.neighbours, index.calibration, rules.calibration)
        return explained(
            seen, compared.neighbours, index.support_scale, rules, compared.left_out, pipeline.age_prior
        )


class _Ages(TypedDict):
    age_years: float
    age_prior: AgePriorUse | None
    doubt: float | None


def _ages(prediction: Prediction, pipeline: EstimatePipeline) -> _Ages:
    """Return the estimate under the prior, where there is one, the use of it, and the doubt.

    Raises BundleDamaged if there is a prior, and the model gives no distribution.
    """
    own_years, answer = float(prediction.ages_years[0]), answer_of(prediction)
    scale, prior = pipeline.rules.doubt, pipeline.age_prior
    doubt = scale.score(answer) if scale and answer else None
    if prior is None:
        return {"age_years": own_years, "age_prior": None, "doubt": doubt}
    if prediction.age_shares is None:
        raise PriorUnfit()
    years = estimate_under(prediction.age_shares[0], prior, pipeline.model.point)
    return {"age_years": years, "age_prior": AgePriorUse(prior.text, prior.sha256, own_years), "doubt": doubt}


def check_prior(model: Model, prior: AgePrior | None) -> None:
    """Raise PriorUnfit if there is an age prior, and the model gives no age distribution."""
    if prior is not None and not model.has_distribution:
        raise PriorUnfit()
