"""/gallery: browse the reference faces in service, correct their labels and remove them."""

from __future__ import annotations

import logging
from typing import cast, get_args

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.domain.gallery.labelled_faces import person_digest
from simsvc.domain.gallery.labels import MAX_AGE_YEARS
from simsvc.errors import FaceChangeRefused, FacesRefused, FilterRefused
from simsvc.values.filtering import FACE_SORTS, FaceFilter, FaceList, FaceQuery, FaceSort
from simsvc.web.http.current import page_number, person, services
from simsvc.web.http.form_problems import Problem, Problems
from simsvc.wiring.labelled_faces import live_faces_in_service

blueprint = Blueprint("gallery", __name__)

DEMO = "demo"
FACES_A_PAGE = 60
"""Ten rows on a laptop; some 300 kB of thumbnails."""
ASKED = ("from", "to", "source", "person", "sort")
"""Fields of the filter; other query parameters are dropped."""
MOST_REASON_CHARACTERS = 500
NOTEWORTHY_YEARS = 10.0
"""Residuals from here on are marked; twice the mean error of the shipped model."""

_log = logging.getLogger(__name__)


@blueprint.get("/gallery")
def show() -> ResponseReturnValue:
    """Describe the reference faces in service, and list those that are asked for."""
    label = services().pipeline().index().label
    gallery, lister, problems = services().gallery(label), services().face_lister(label), Problems()
    everything = lister.page(FaceQuery(), 0, 0)
    query = _query(everything.sources, problems)
    page = page_number()
    found = lister.page(query, (page - 1) * FACES_A_PAGE, FACES_A_PAGE)
    pages = max(1, -(-found.count // FACES_A_PAGE))
    if page > pages:
        page, found = pages, lister.page(query, (pages - 1) * FACES_A_PAGE, FACES_A_PAGE)
    if problems.found:
        found = FaceList((), 0, everything.total, everything.sources)
    shown = render_template(
        "gallery.html",
        label=label,
        found=found,
        only_composites=everything.sources == (DEMO,),
        faces=[(one, gallery.is_pictured(one.face.face_id)) for one in found.faces],
        asked={name: text for name in ASKED if (text := request.args.get(name, "").strip())},
        sorts=FACE_SORTS,
        noteworthy_years=NOTEWORTHY_YEARS,
        problems=problems.found,
        page=page,
        pages=pages,
    )
    return shown, problems.status


@blueprint.get("/gallery/faces/<face_id>")
def face(face_id: str) -> ResponseReturnValue:
    """Show a reference face with its label, the model's estimate and its history."""
    return _face_page(face_id)


@blueprint.post("/gallery/faces/<face_id>/label")
def relabel(face_id: str) -> ResponseReturnValue:
    """Change the known age of a face if a reason is given."""
    problems, age_years = Problems(), 0.0
    with problems.noting(FacesRefused, "age"):
        age_years = _age(request.form.get("age", ""))
    reason = _reason("label_reason", problems)
    _confirmed("label_confirmed", problems)
    if problems.found:
        return _face_page(face_id, problems.found), problems.status
    before = live_faces_in_service(services()).relabel(face_id, age_years, _actor(), reason)
    _log.info("user %s relabelled face %s", person().id, face_id)
    flash(
        gettext(
            "The known age was changed from %(before)s to %(after)s.",
            before=f"{before.age_years:g}",
            after=f"{age_years:g}",
        )
    )
    return redirect(url_for("gallery.face", face_id=face_id), 303)


@blueprint.post("/gallery/faces/<face_id>/removal")
def remove(face_id: str) -> ResponseReturnValue:
    """Remove a face from new estimates and later builds if confirmed and a reason is given."""
    problems = Problems()
    reason = _reason("removal_reason", problems)
    _confirmed("removal_confirmed", problems)
    if problems.found:
        return _face_page(face_id, problems.found), problems.status
    live_faces_in_service(services()).remove(face_id, _actor(), reason)
    _log.info("user %s removed face %s", person().id, face_id)
    flash(gettext("The face was removed. New estimates no longer use it."))
    return redirect(url_for("gallery.show"), 303)


def _face_page(face_id: str, problems: list[Problem] | None = None) -> str:
    label = services().pipeline().index().label
    listed, history = services().face_lister(label).find(face_id), services().faces.history(face_id)
    added_in = services().shelf.journal.added_in(face_id) if listed.live else None
    added_at = (
        services().builds.made_at().get(label) if added_in is None else services().faces.added_at(added_in)
    )
    return render_template(
        "face.html",
        label=label,
        one=listed,
        pictured=services().gallery(label).is_pictured(face_id),
        added_at=added_at,
        history=history,
        names=services().names([event.by for event in history]),
        problems=problems or [],
        typed=request.form.to_dict(),
        most_characters=MOST_REASON_CHARACTERS,
    )


def _query(sources: tuple[str, ...], problems: Problems) -> FaceQuery:
    text = request.args.get
    ages = []
    for name, default in (("from", 0.0), ("to", MAX_AGE_YEARS)):
        ages.append(default)
        with problems.noting(FilterRefused, name):
            ages[-1] = _age_asked(text(name, "").strip(), default)
    wanted, sort = text("source", ""), text("sort", "") or FACE_SORTS[0]
    with problems.noting(FilterRefused, "sort"):
        if sort not in get_args(FaceSort):
            raise FilterRefused("choice")
    known_as = text("person", "").strip()
    digests = {known_as, *(person_digest(source, known_as) for source in sources)}
    return FaceQuery(
        FaceFilter(frozenset({wanted}) if wanted else None, (ages[0], ages[1])),
        frozenset(digests) if known_as else None,
        cast("FaceSort", sort),
    )


def _age_asked(text: str, default: float) -> float:
    if not text:
        return default
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise FilterRefused("ages") from None


def _age(text: str) -> float:
    try:
        age_years = float(text.strip().replace(",", "."))
    except ValueError:
        age_years = -1.0
    if not 0.0 <= age_years <= MAX_AGE_YEARS:
        raise FacesRefused("age", most_years=MAX_AGE_YEARS)
    return age_years


def _reason(field: str, problems: Problems) -> str:
    reason = request.form.get(field, "").strip()
    with problems.noting(FaceChangeRefused, field):
        if not reason:
            raise FaceChangeRefused("reason")
        if len(reason) > MOST_REASON_CHARACTERS:
            raise FaceChangeRefused("long", most=MOST_REASON_CHARACTERS)
    return reason


def _confirmed(field: str, problems: Problems) -> None:
    with problems.noting(FaceChangeRefused, field):
        if request.form.get(field) != "1":
            raise FaceChangeRefused("confirm")


def _actor() -> str:
    return f"user:{person().id}"
