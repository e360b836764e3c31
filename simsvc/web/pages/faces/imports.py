"""/gallery/imports: upload reference faces, look at what was found, and build an index."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date
from typing import cast

from flask import Blueprint, Flask, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.adapters.photos.upload_spool import UploadSpool
from simsvc.domain.calibration.fit import LEAST_FACES, LEAST_PERSONS, LEAST_SPAN_YEARS
from simsvc.domain.gallery.importing.import_findings import Findings, findings
from simsvc.domain.gallery.importing.skip_words import SKIP_WORDS
from simsvc.domain.gallery.labels import COLUMNS, MAX_TEXT_CHARS
from simsvc.errors import (
    BatchError,
    FaceImportError,
    ImportNotFound,
    ImportRefused,
    NotMultipart,
    PhotoMissing,
    SimsvcError,
)
from simsvc.flows.gallery.import_faces import MOST_PHOTOS, UploadedFiles, is_finished, is_working
from simsvc.values.face_imports import ImportPhoto
from simsvc.web.http.current import person, services
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem, Problems
from simsvc.web.http.once import Made, once
from simsvc.web.http.upload import FORM, PhotoRequest, uploaded_photo
from simsvc.web.pages.faces.import_files import ImportFiles

blueprint = Blueprint("imports", __name__, url_prefix="/gallery/imports")

CREATE = "imports.create"
ROWS_SHOWN = 200
"""Skipped photos, duplicates and conflicts on a page; most uploads have fewer."""
FACES_SHOWN = 60
DECADE_YEARS = 10
OF_PEOPLE = "no-store"
"""Staged faces are deleted, so no browser or proxy may cache them."""

_log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Let the upload form have many parts, and keep them on disk, before anything reads it."""
    app.before_request(_allow_more)
    app.teardown_request(_end_spool)


def _allow_more() -> None:
    if request.endpoint == CREATE:
        settings = services().settings
        request.max_form_parts = MOST_PHOTOS + 16
        spool = UploadSpool(settings.import_dir / "incoming", settings.disk_reserve_bytes)
        cast("PhotoRequest", request).spool = spool


def _end_spool(error: BaseException | None) -> None:
    del error
    spool = cast("PhotoRequest", request).spool
    if request.endpoint == CREATE and spool is not None:
        spool.close()


@blueprint.get("")
def list_all() -> ResponseReturnValue:
    """List the uploads, newest first, and show the form for a new one."""
    return _list()


@blueprint.post("")
def create() -> ResponseReturnValue:
    """Take an upload in, start checking it, and redirect to it."""
    if request.mimetype != FORM:
        raise NotMultipart("photos")
    spool = cast("PhotoRequest", request).spool
    try:
        if spool is not None and spool.problem is not None:
            raise spool.problem
        made = once(_taken_in)
    except (FaceImportError, BatchError) as refusal:
        return _list([Problem(refusal.message, (_field_of(refusal),))]), status_of(refusal)
    _log.info("user %s uploaded reference faces, import %s", person().id, made.id)
    return redirect(url_for("imports.show", import_id=made.id), 303)


@blueprint.post("/empty")
def begin() -> ResponseReturnValue:
    """Create an upload to which photos are added one by one, and redirect to it."""
    try:
        name = request.form.get("single_name", "").strip()
        made = once(lambda: Made(services().imports.begin(name, person().id)))
    except FaceImportError as refusal:
        return _list([Problem(refusal.message, ("single_name",))]), status_of(refusal)
    return redirect(url_for("imports.show", import_id=made.id), 303)


@blueprint.get("/<import_id>")
def show(import_id: str) -> ResponseReturnValue:
    """Show progress and findings of an upload."""
    return _page(import_id)


@blueprint.post("/<import_id>/photos")
def add(import_id: str) -> ResponseReturnValue:
    """Add a photo with its label."""
    problems = Problems()
    photo, data = _typed_photo(problems)
    if photo is not None and data is not None:
        with problems.noting((FaceImportError, BatchError), "photo"):
            services().imports.add(import_id, data, photo)
            flash(gettext("%(name)s was added.", name=photo.reference))
            return redirect(url_for("imports.show", import_id=import_id) + "#add-heading", 303)
    return _page(import_id, problems.found, request.form.to_dict()), problems.status


@blueprint.post("/<import_id>/labels")
def revise(import_id: str) -> ResponseReturnValue:
    """Change labels of photos and leave photos out."""
    problems, ages, left_out = Problems(), dict[int, float](), dict[int, bool]()
    upload = services().import_spool.find(import_id)
    for photo in upload.photos:
        name = f"age-{photo.position}"
        if name in request.form:
            with problems.noting(ImportRefused, name):
                ages[photo.position] = _age(request.form[name])
            left_out[photo.position] = f"leave-{photo.position}" in request.form
        elif f"include-{photo.position}" in request.form:
            left_out[photo.position] = False
    if not problems.found:
        with problems.noting(FaceImportError):
            services().imports.revise(import_id, ages, left_out)
            flash(gettext("Your changes were saved."))
            return redirect(url_for("imports.show", import_id=import_id), 303)
    return _page(import_id, problems.found, request.form.to_dict()), problems.status


@blueprint.post("/<import_id>/check")
def check(import_id: str) -> ResponseReturnValue:
    """Start checking the photos, again or for the first time."""
    return _started(import_id, lambda: services().imports.check(import_id))


@blueprint.post("/<import_id>/build")
def build(import_id: str) -> ResponseReturnValue:
    """Start building an index from the usable photos."""
    return _started(import_id, lambda: services().imports.build(import_id))


@blueprint.post("/<import_id>/addition")
def add_live(import_id: str) -> ResponseReturnValue:
    """Start adding the usable photos to the index in service if confirmed."""

    def start() -> None:
        if request.form.get("confirmed_live") != "1":
            raise ImportRefused("confirm_live")
        services().imports.add_live(import_id, person().id)

    return _started(import_id, start, "confirmed_live")


@blueprint.post("/<import_id>/deletion")
def delete(import_id: str) -> ResponseReturnValue:
    """Delete an upload if confirmed."""
    upload = services().import_spool.find(import_id)
    try:
        if request.form.get("confirmed") != "1":
            raise ImportRefused("confirm")
        services().imports.delete(import_id)
    except FaceImportError as refusal:
        return _page(import_id, [Problem(refusal.message, ("confirmed",))]), status_of(refusal)
    _log.info("user %s deleted import %s", person().id, import_id)
    flash(gettext("The upload %(name)s was deleted.", name=upload.name))
    return redirect(url_for("imports.list_all"), 303)


@blueprint.get("/<import_id>/faces/<int:position>.jpg")
def picture(import_id: str, position: int) -> Response:
    """Return the thumbnail of an uploaded face."""
    response = Response(services().import_spool.thumbnail(import_id, position), mimetype="image/jpeg")
    response.headers["Cache-Control"] = OF_PEOPLE
    return response


def _taken_in() -> Made:
    settings = services().settings
    parts = [part for part in request.files.getlist("photos") if part.filename]
    if not parts:
        raise ImportRefused("nothing")
    files = ImportFiles(parts, request.files.get("labels"), settings.max_upload_bytes)
    name = request.form.get("name", "").strip()
    return Made(services().imports.take_in(UploadedFiles(files.photos(), files.labels), name, person().id))


def _field_of(refusal: SimsvcError) -> str:
    if not isinstance(refusal, ImportRefused):
        return "photos"
    if refusal.reason == "name":
        return "name"
    return "photos" if refusal.reason in {"nothing", "no_photo"} else "labels"


def _started(import_id: str, start: Callable[[], None], *fields: str) -> ResponseReturnValue:
    try:
        start()
    except FaceImportError as refusal:
        if isinstance(refusal, ImportNotFound):
            raise
        about = fields if isinstance(refusal, ImportRefused) and refusal.reason == "confirm_live" else ()
        return _page(import_id, [Problem(refusal.message, about)]), status_of(refusal)
    return redirect(url_for("imports.show", import_id=import_id), 303)


def _typed_photo(problems: Problems) -> tuple[ImportPhoto | None, bytes | None]:
    data, name, age, day = None, "", 0.0, None
    with problems.noting((PhotoMissing, NotMultipart), "photo"):
        upload = uploaded_photo()
        data, name = upload.data, upload.name
    with problems.noting(ImportRefused, "age"):
        age = _age(request.form.get("age", ""))
    known_as = request.form.get("person", "").strip()
    with problems.noting(ImportRefused, "person"):
        if len(known_as) > MAX_TEXT_CHARS or not known_as.isprintable():
            raise ImportRefused("person")
    with problems.noting(ImportRefused, "photo_date"):
        day = _day(request.form.get("photo_date", ""))
    if problems.found:
        return None, None
    return ImportPhoto(0, name, age, known_as or None, day), data


def _age(text: str) -> float:
    try:
        age = float(text.strip().replace(",", "."))
    except ValueError:
        raise ImportRefused("age") from None
    if not 0.0 <= age <= 130.0:
        raise ImportRefused("age")
    return age


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise ImportRefused("date") from None


def _list(problems: Sequence[Problem] = ()) -> str:
    services().sweep_imports()
    imports, settings = services().import_spool.all(), services().settings
    return render_template(
        "imports.html",
        imports=[(one, services().imports.state(one.id)) for one in imports],
        names=services().users.names([one.made_by for one in imports]),
        problems=list(problems),
        typed=request.form.to_dict() if problems else {},
        most_photos=MOST_PHOTOS,
        most_bytes=settings.max_batch_bytes,
        import_days=settings.import_days,
        columns=COLUMNS,
    )


def _page(import_id: str, problems: Sequence[Problem] = (), typed: dict[str, str] | None = None) -> str:
    spool = services().import_spool
    upload, state = spool.find(import_id), services().imports.state(import_id)
    checked = spool.check(import_id)
    found = findings(upload, checked)
    return render_template(
        "import.html",
        upload=upload,
        state=state,
        working=is_working(state) and state.problem is None,
        finished=is_finished(state),
        found=found,
        estimates={one.position: one.estimate_years for one in checked.photos},
        made_by=services().users.names([upload.made_by]).get(upload.made_by, upload.made_by),
        decades=_decades(found),
        calibrated=_calibrated(found),
        reasons=SKIP_WORDS,
        rows_shown=ROWS_SHOWN,
        faces_shown=FACES_SHOWN,
        columns=COLUMNS,
        problems=list(problems),
        typed=typed or {},
        in_service=services().current_build(),
    )


def _decades(found: Findings) -> list[tuple[int, int]]:
    ages = [int(photo.age_years // DECADE_YEARS) * DECADE_YEARS for photo in found.usable]
    return [(first, ages.count(first)) for first in range(0, max(ages, default=-1) + 1, DECADE_YEARS)]


def _calibrated(found: Findings) -> dict[str, object]:
    """Return what a site calibration needs and what there is."""
    ages = [photo.age_years for photo in found.usable]
    persons = {photo.person or f"#{photo.position}" for photo in found.usable}
    span = max(ages, default=0.0) - min(ages, default=0.0)
    enough = len(ages) >= LEAST_FACES and len(persons) >= LEAST_PERSONS and span >= LEAST_SPAN_YEARS
    return {
        "enough": enough,
        "persons": len(persons),
        "least_faces": LEAST_FACES,
        "least_persons": LEAST_PERSONS,
        "least_years": f"{LEAST_SPAN_YEARS:.0f}",
    }
