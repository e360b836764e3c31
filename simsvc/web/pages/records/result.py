"""The result page, with typed input kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import render_template, request
from flask_babel import gettext

from simsvc.adapters.index.live_index import LiveGallery
from simsvc.domain.desk.decisions import TEXT_CHARACTERS, acceptable
from simsvc.domain.desk.verdict import verdict_of
from simsvc.domain.estimate.corrected import calibration_sentence
from simsvc.domain.estimate.explain import apart_sentence, why_sentence
from simsvc.errors import BuildNotFound, BundleError, FaceNotFound, IndexUnusable
from simsvc.flows.estimates.saliency import check_same_model
from simsvc.values import Decision, LabelledFace, Neighbour, RecordedEstimate
from simsvc.web.http.current import services
from simsvc.web.http.form_problems import Problem
from simsvc.web.pages.records.referral_parts import referral_part
from simsvc.web.rendering.charts.age_plot import age_plot, range_words
from simsvc.web.rendering.charts.age_scale import age_scale
from simsvc.web.rendering.record_parts import declared_words

FIELDS = ("kind", "age", "reason", "needed", "note")
NEXT = "next"
"""Value of the parameter `then` with which a decision leads to the next undecided record."""
NEAREST = 4
"""Reference faces on the first screen; all of them follow below."""


def result_page(
    recorded: RecordedEstimate, typed: Mapping[str, str] | None = None, problems: Sequence[Problem] = ()
) -> str:
    """Render a record; `typed` and `problems` belong to the decision form.

    Raises:
        ModelChanged: the occlusion map is requested, but another model made the estimate.
        StoreError: the decisions cannot be read.
    """
    answer, decisions = recorded.estimate, services().decisions.of(recorded.id)
    words = {
        "recorded": recorded,
        "estimate": answer,
        "decisions": decisions,
        "names": _names(recorded, decisions),
        "asked_by": _names(recorded, ()).get(answer.asked_by or "", answer.asked_by),
        "typed": typed or {},
        "problems": problems,
        "text_characters": TEXT_CHARACTERS,
        "acceptable": acceptable(answer),
        "around": services().undecided.neighbouring_undecided(recorded.number),
        "continues": continues(),
        "max_bytes": services().settings.max_upload_bytes,
        "referrals": referral_part(recorded),
        "calibration": answer.calibration and calibration_sentence(answer.calibration),
        **declared_words(recorded),
        "verdict": verdict_of(recorded),
    }
    if answer.age_years is None:
        return render_template("refused.html", **words)
    return render_template("estimate.html", **words, **_drawn(recorded, words["declared_years"]))


def continues() -> bool:
    """Return whether the reader goes from each decision to the next undecided record."""
    return request.values.get("then") == NEXT


@dataclass(frozen=True, slots=True)
class ShownFace:
    """A neighbour on pages; its face is from the gallery, or from the record if its build is gone."""

    near: Neighbour
    face: LabelledFace | None
    pictured: bool


def shown_faces(recorded: RecordedEstimate) -> list[ShownFace]:
    """Return the neighbours, most similar first.

    Raises:
        StoreError: the database cannot be read.
    """
    answer = recorded.estimate
    try:
        gallery = services().gallery(answer.index or "")
    except IndexUnusable:
        gallery = None
    return [_shown(near, gallery) for near in answer.neighbours]


def _shown(near: Neighbour, gallery: LiveGallery | None) -> ShownFace:
    try:
        if gallery is not None:
            return ShownFace(near, gallery.face(near.face_id), gallery.is_pictured(near.face_id))
    except FaceNotFound:
        pass
    return ShownFace(near, services().faces.find(near.face_id), pictured=False)


def why_not_pictured(recorded: RecordedEstimate, faces: Sequence[ShownFace]) -> str:
    """Return why pictures of the neighbours are missing, or an empty text.

    Raises:
        StoreError: the database cannot be read.
    """
    if all(face.pictured for face in faces):
        return ""
    label = recorded.estimate.index or ""
    try:
        services().gallery(label)
    except BuildNotFound:
        said = gettext(
            "The index build %(label)s no longer exists, so its pictures cannot be shown.", label=label
        )
    except IndexUnusable:
        said = gettext("The index build %(label)s is damaged, so its pictures cannot be shown.", label=label)
    else:
        said = gettext("Faces without a picture have been erased, or their picture is damaged.")
    return str(said)


def _drawn(recorded: RecordedEstimate, declared_years: object) -> dict[str, object]:
    answer, wanted = recorded.estimate, "saliency" in request.args
    if wanted:
        check_same_model(recorded, services().pipeline().model)
    age_years, years = answer.age_years or 0.0, declared_years if isinstance(declared_years, int) else None
    return {
        "plot": age_plot(
            age_years, answer.neighbours, answer.interval_years, answer.coverage, few=answer.evidence is None
        ),
        "scale": age_scale(age_years, answer.interval_years, years),
        "range_words": range_words(answer.interval_years, answer.coverage),
        "saliency": wanted,
        "same_model": wanted or _is_of_this_model(recorded),
        "why": why_sentence(answer),
        "apart": apart_sentence(answer),
        "corrected": answer.calibration is not None and answer.calibration.method != "none",
        "nearest": NEAREST,
        "faces": (faces := shown_faces(recorded)),
        "not_pictured": why_not_pictured(recorded, faces),
    }


def _is_of_this_model(recorded: RecordedEstimate) -> bool:
    try:
        return services().model_document().sha256 == recorded.estimate.model_sha256
    except BundleError:
        return False


def _names(recorded: RecordedEstimate, decisions: tuple[Decision, ...]) -> dict[str, str]:
    return services().names([recorded.estimate.asked_by, *(made.decided_by for made in decisions)])
