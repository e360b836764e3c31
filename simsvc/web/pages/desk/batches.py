"""/batches: upload many photos, see their results and decide on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from flask import Blueprint, Flask, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.datastructures import FileStorage

from simsvc.adapters.photos.upload_spool import UploadSpool
from simsvc.domain.desk.batch_csv import template_csv
from simsvc.domain.desk.contents import LEFT_OUT
from simsvc.domain.desk.decisions import TEXT_CHARACTERS, acceptable
from simsvc.domain.desk.triage import ORDERS, SHOWN, arranged, filter_counts
from simsvc.errors import BatchError, CasesUnreadable, DecisionRefused, DecisionSuperseded, NotMultipart
from simsvc.flows.estimates.batch import MOST_PHOTOS
from simsvc.store.desk.batch_triage import TriageRow
from simsvc.values import Batch
from simsvc.web.http.batch_form import BatchForm
from simsvc.web.http.current import note_export, page_number, person, services
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem, Problems
from simsvc.web.http.once import Made, once
from simsvc.web.http.upload import PhotoRequest
from simsvc.web.pages.records.decisions import decided
from simsvc.web.rendering.batch_results import results_csv
from simsvc.web.rendering.history_csv import begun, download

blueprint = Blueprint("batches", __name__, url_prefix="/batches")

CREATE = "batches.create"
BATCHES_A_PAGE = 25
PHOTOS_A_PAGE = 50
FIELD = "photos"
DECISION_FIELDS = ("kind", "age", "reason", "needed", "note")
FIELD_OF = {"age": "age", "reason": "reason", "needed": "needed", "note": "needed"}
"""Reason of a refused decision to the field of a row that it is about; rows have no other field for notes."""


def register(app: Flask) -> None:
    """Let the form of batches have more parts, and keep them on the disk, before anything reads it."""
    app.before_request(_allow_more)
    app.teardown_request(_end_spool)


def _allow_more() -> None:
    if request.endpoint == CREATE:
        settings = services().settings
        request.max_form_parts = MOST_PHOTOS + 16
        _request().spool = UploadSpool(settings.batch_dir / "incoming", settings.disk_reserve_bytes)


def _end_spool(error: BaseException | None) -> None:
    del error
    if (spool := _request().spool) is not None:
        spool.close()


def _request() -> PhotoRequest:
    return cast("PhotoRequest", request)


@blueprint.get("")
def list_all() -> ResponseReturnValue:
    """List the batches, newest first, and show the form for a new one."""
    return _list()


@blueprint.post("")
def create() -> ResponseReturnValue:
    """Create a batch and redirect to it."""
    if request.mimetype != "multipart/form-data":
        raise NotMultipart("photos")
    parts = [part for part in request.files.getlist(FIELD) if part.filename]
    spool = _request().spool
    try:
        if spool is not None and spool.problem is not None:
            raise spool.problem
        batch = once(lambda: _taken_in(parts, request.files.get("cases")))
    except BatchError as refusal:
        about = "cases" if isinstance(refusal, CasesUnreadable) else "photos"
        return _list([Problem(refusal.message, (about,))]), status_of(refusal)
    return redirect(url_for("batches.show", batch_id=batch.id), 303)


@blueprint.get("/template.csv")
def template() -> ResponseReturnValue:
    """Return a CSV to fill in, with one example line."""
    response = Response(template_csv(), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename="batch-template.csv")
    return response


@blueprint.get("/<batch_id>")
def show(batch_id: str) -> ResponseReturnValue:
    """Show the progress of a batch and its results, most doubtful first."""
    return _page(services().batch_book.find(batch_id))


@blueprint.post("/<batch_id>/photos/<int:position>/decisions")
def decide(batch_id: str, position: int) -> ResponseReturnValue:
    """Record a decision on a photo's record; with `?row`, return its row of the table, else the page."""
    row = services().batch_triage.row(batch_id, position)
    typed = {name: request.form.get(name, "") for name in DECISION_FIELDS}
    problems = Problems()
    try:
        once(lambda: _decided(row, typed))
    except DecisionRefused as refusal:
        about = FIELD_OF.get(refusal.reason or "")
        problems.note(refusal, *([f"{about}-{position}"] if about else []))
    except DecisionSuperseded as refusal:
        problems.note(refusal)
    if "row" in request.args:
        fresh = services().batch_triage.row(batch_id, position)
        return _row(batch_id, fresh, typed if problems.found else {}, problems.found), problems.status
    if problems.found:
        return _page(services().batch_book.find(batch_id), position, typed, problems.found), problems.status
    flash(gettext("Decision recorded."))
    asked = {"page": _later_page(page_number()), **_asked()}
    return redirect(url_for("batches.show", batch_id=batch_id, _anchor=f"photo-{position}", **asked), 303)


@blueprint.get("/<batch_id>/results.csv")
def results(batch_id: str) -> ResponseReturnValue:
    """Return the results as CSV in upload order, always in English."""
    batch = services().batch_book.find(batch_id)
    note_export(f"batch:{batch.id}", format="csv")
    names = services().all_names()
    rows = begun(services().batch_triage.rows(batch.id, range(batch.total)))
    return download(results_csv(rows, batch.notes, names), "text/csv", f"batch-{batch.number}.csv")


def _taken_in(parts: list[FileStorage], cases: FileStorage | None) -> Made:
    form, batches = BatchForm(parts, cases), services().batches
    return Made(batches.take_in(form.photos(), form.name(), person().id, form.cases, form.notes))


def _list(problems: Sequence[Problem] = ()) -> str:
    page = page_number(10_000)
    found = services().batch_book.page((page - 1) * BATCHES_A_PAGE, BATCHES_A_PAGE + 1)
    batches, settings = found[:BATCHES_A_PAGE], services().settings
    return render_template(
        "batches.html",
        batches=batches,
        names=services().users.names([batch.asked_by for batch in batches]),
        page=page,
        more=len(found) > BATCHES_A_PAGE,
        problems=problems,
        most_photos=MOST_PHOTOS,
        most_bytes=settings.max_batch_bytes,
    )


def _page(
    batch: Batch, position: int = -1, typed: Mapping[str, str] | None = None, problems: Sequence[Problem] = ()
) -> str:
    """Render a batch; `typed` and `problems` belong to the decision on the photo at this position."""
    asked, photos = _asked(), services().batch_triage.overview(batch.id)
    positions = arranged(photos, **asked)
    pages = max(1, -(-len(positions) // PHOTOS_A_PAGE))
    page = page_number(last=pages)
    wanted = positions[(page - 1) * PHOTOS_A_PAGE : page * PHOTOS_A_PAGE]
    if position >= 0 and position not in wanted:
        wanted.insert(0, position)
    rows = list(services().batch_triage.rows(batch.id, wanted))
    people = [batch.asked_by, *(row.decision.decided_by for row in rows if row.decision)]
    return render_template(
        "batch.html",
        batch=batch,
        rows=rows,
        counts=filter_counts(photos),
        page=page,
        pages=pages,
        shown=len(positions),
        orders=ORDERS,
        problems=problems,
        **_row_words(batch.id, services().names(people), position, typed),
    )


def _row(batch_id: str, row: TriageRow, typed: Mapping[str, str], problems: Sequence[Problem]) -> str:
    names = services().names([row.decision.decided_by] if row.decision else [])
    words = _row_words(batch_id, names, row.photo.position, typed)
    return render_template("batch_row.html", row=row, problems=problems, page=page_number(), **words)


def _row_words(
    batch_id: str, names: Mapping[str, str], position: int, typed: Mapping[str, str] | None
) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "names": names,
        "asked": _asked(),
        "later_page": _later_page,
        "reasons": LEFT_OUT,
        "acceptable": acceptable,
        "text_characters": TEXT_CHARACTERS,
        "refused_position": position,
        "typed": typed or {},
    }


def _asked() -> dict[str, Any]:
    """Return the filter and the order of the address; what is unknown or usual is left out."""
    choices = {"show": SHOWN[1:], "sort": ORDERS[1:]}
    return {name: text for name, known in choices.items() if (text := request.args.get(name)) in known}


def _later_page(page: int) -> int | None:
    """Return a page for an address, which leaves out the first one."""
    return page if page > 1 else None


def _decided(row: TriageRow, typed: Mapping[str, str]) -> Made:
    return decided(row.recorded or services().estimates.find(row.photo.estimate_id or ""), typed)
