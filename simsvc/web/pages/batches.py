"""/batches: many photos at once, judged one after another while the visitor does something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask import Blueprint, Flask, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from simsvc.engines.zip_archive import is_junk, is_zip, photos_in_zip
from simsvc.errors import BatchError, CasesUnreadable, NotMultipart
from simsvc.flows.batch import MOST_PHOTOS
from simsvc.steps.cases import last_part, read_cases
from simsvc.steps.spreadsheet import to_csv
from simsvc.values import BatchPhoto
from simsvc.web.current import note_export, person, services
from simsvc.web.errors import status_of
from simsvc.web.form_problems import Problem
from simsvc.web.once import Made, once
from simsvc.web.upload import shown_name

blueprint = Blueprint("batches", __name__, url_prefix="/batches")

CREATE = "batches.create"
BATCHES_A_PAGE = 25
PHOTOS_A_PAGE = 100
MOST_CASES_BYTES = 1_000_000
"""Of the CSV: `MOST_PHOTOS` rows of a file name and a case are well below."""
HEADING = ("position", "file", "case", "status", "age_years", "code", "sentence", "record")


def register(app: Flask) -> None:
    """Let the one form that may be larger be larger, before anything reads it."""
    app.before_request(_allow_more)


def _allow_more() -> None:
    if request.endpoint == CREATE:
        request.max_content_length = services().settings.max_batch_bytes
        request.max_form_parts = MOST_PHOTOS + 16


@blueprint.get("")
def list_all() -> ResponseReturnValue:
    """List the batches, the newest first, above them the form for a new one."""
    return _list()


@blueprint.post("")
def create() -> ResponseReturnValue:
    """Take photos in and lead to their batch."""
    if request.mimetype != "multipart/form-data":
        raise NotMultipart("Send the photos as the files `photos` of a multipart/form-data request.")
    parts = [part for part in request.files.getlist("photos") if part.filename]
    try:
        batch = once(lambda: _taken_in(parts, request.files.get("cases")))
    except BatchError as refusal:
        about = "cases" if isinstance(refusal, CasesUnreadable) else "photos"
        return _list([Problem(refusal.sentence, (about,))]), status_of(refusal)
    return redirect(url_for("batches.show", batch_id=batch.id), 303)


@blueprint.get("/<batch_id>")
def show(batch_id: str) -> ResponseReturnValue:
    """Show how far a batch is, and what became of its photos."""
    batch = services().batch_book.find(batch_id)
    page = _page(last=max(1, -(-batch.total // PHOTOS_A_PAGE)))
    photos = services().batch_book.photos(batch_id, (page - 1) * PHOTOS_A_PAGE, PHOTOS_A_PAGE)
    asked_by = services().users.names([batch.asked_by]).get(batch.asked_by, batch.asked_by)
    words = {"batch": batch, "photos": photos, "asked_by": asked_by, "page": page}
    return render_template("batch.html", pages=-(-batch.total // PHOTOS_A_PAGE), **words)


@blueprint.get("/<batch_id>/results.csv")
def results(batch_id: str) -> ResponseReturnValue:
    """Return what became of the photos as a table for spreadsheet programs, always in English."""
    batch = services().batch_book.find(batch_id)
    note_export(f"batch:{batch.id}", format="csv")
    table = to_csv(HEADING, (_cells(photo) for photo in services().batch_book.photos(batch_id)))
    response = Response(table, mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"batch-{batch.number}.csv")
    return response


class _Form:
    """What came with the request: photos, a folder, ZIPs; and a table of cases, by itself or among them."""

    def __init__(self, parts: list[FileStorage], cases: FileStorage | None) -> None:
        self._parts = parts
        self._cases = (
            _cases_bytes(cases.stream.read(MOST_CASES_BYTES + 1)) if cases and cases.filename else None
        )

    def name(self) -> str:
        """Return what the batch is called: its folder, or its first file."""
        first = (self._parts[0].filename or "").replace("\\", "/") if self._parts else ""
        folder, _, rest = first.partition("/")
        return shown_name(folder if rest and folder.strip(".") else first) if first else ""

    def cases(self) -> dict[str, str]:
        return read_cases(self._cases) if self._cases is not None else {}

    def photos(self) -> Iterator[tuple[str, bytes | None]]:
        """Give every photo; a table found in a ZIP is kept aside."""
        settings = services().settings
        for part in self._parts:
            name = part.filename or ""
            if is_junk(name):
                continue
            if _is_table(name):
                self._keep_cases(part.stream.read(MOST_CASES_BYTES + 1))
                continue
            if not is_zip(part.stream):
                yield shown_name(name), _photo_bytes(part, settings.max_upload_bytes)
                continue
            for name, data in photos_in_zip(part.stream, settings.max_upload_bytes, settings.max_batch_bytes):
                if _is_table(name):
                    self._keep_cases(data)
                else:
                    yield shown_name(name), data

    def _keep_cases(self, data: bytes | None) -> None:
        if self._cases is not None:
            raise CasesUnreadable(
                "There is more than one CSV. Put all case references into one table and send it again."
            )
        self._cases = _cases_bytes(data or b"\0")


def _is_table(name: str) -> bool:
    return last_part(name).lower().endswith(".csv")


def _cases_bytes(data: bytes) -> bytes:
    if len(data) > MOST_CASES_BYTES:
        raise CasesUnreadable("The CSV is far larger than a table of case references. Send the right file.")
    return data


def _photo_bytes(part: FileStorage, most: int) -> bytes | None:
    data = part.stream.read(most + 1)
    return data if len(data) <= most else None


def _cells(photo: BatchPhoto) -> tuple[str, ...]:
    age = "" if photo.age_years is None else f"{photo.age_years:.2f}"
    texts = (
        photo.name,
        photo.case_reference,
        photo.status,
        age,
        photo.code,
        photo.sentence,
        photo.estimate_id,
    )
    return (str(photo.position + 1), *(text or "" for text in texts))


def _taken_in(parts: list[FileStorage], cases: FileStorage | None) -> Made:
    form = _Form(parts, cases)
    return Made(services().batches.take_in(form.photos(), form.name(), person().id, form.cases))


def _list(problems: Sequence[Problem] = ()) -> str:
    page = _page()
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
        most_mb=round(settings.max_batch_bytes / 1e6),
    )


def _page(last: int = 10_000) -> int:
    return min(max(1, request.args.get("page", 1, type=int)), last)
