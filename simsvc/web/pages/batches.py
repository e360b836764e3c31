"""/batches: upload many photos and see their results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from flask import Blueprint, Flask, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from simsvc.adapters.photos.upload_spool import UploadSpool
from simsvc.adapters.photos.zip_archive import PhotoZip, is_zip
from simsvc.domain.desk.batch_csv import CaseRow, CaseTable, read_cases
from simsvc.domain.desk.contents import HEAD_BYTES, LEFT_OUT, Sort, sort_of
from simsvc.domain.desk.declared import latest_today
from simsvc.domain.files.file_names import canonical_path, last_part
from simsvc.domain.files.spreadsheet import to_csv
from simsvc.errors import BatchError, CasesUnreadable, NotMultipart
from simsvc.flows.batch import MOST_PHOTOS
from simsvc.values import BatchNotes, BatchPhoto, LeftOut
from simsvc.web.http.current import note_export, page_number, person, services
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem
from simsvc.web.http.once import Made, once
from simsvc.web.http.upload import PhotoRequest, shown_name

blueprint = Blueprint("batches", __name__, url_prefix="/batches")

CREATE = "batches.create"
BATCHES_A_PAGE = 25
PHOTOS_A_PAGE = 100
MOST_CASES_BYTES = 1_000_000
"""Maximum size of the CSV, well above `MOST_PHOTOS` rows of a file name, a case and two dates."""
MOST_NAMED = 100
"""Skipped files of a batch listed by name; others are counted."""
FIELD = "photos"
COLUMNS = "position,file,case,status,age_years,code,sentence,record,birth_date,photo_date"


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


@blueprint.get("/<batch_id>")
def show(batch_id: str) -> ResponseReturnValue:
    """Show the progress and results of a batch."""
    batch = services().batch_book.find(batch_id)
    page = page_number(last=max(1, -(-batch.total // PHOTOS_A_PAGE)))
    photos = services().batch_book.photos(batch_id, (page - 1) * PHOTOS_A_PAGE, PHOTOS_A_PAGE)
    asked_by = services().users.names([batch.asked_by]).get(batch.asked_by, batch.asked_by)
    words = {"batch": batch, "photos": photos, "asked_by": asked_by, "page": page, "reasons": LEFT_OUT}
    return render_template("batch.html", pages=-(-batch.total // PHOTOS_A_PAGE), **words)


@blueprint.get("/<batch_id>/results.csv")
def results(batch_id: str) -> ResponseReturnValue:
    """Return the results as CSV, always in English."""
    batch = services().batch_book.find(batch_id)
    note_export(f"batch:{batch.id}", format="csv")
    photos = (_cells(photo) for photo in services().batch_book.photos(batch_id))
    table = to_csv(COLUMNS.split(","), (*photos, *_left_out_cells(batch.notes)))
    response = Response(table, mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"batch-{batch.number}.csv")
    return response


class _Form:
    """The files of an upload: photos, a folder, ZIPs and a table."""

    def __init__(self, parts: list[FileStorage], cases: FileStorage | None) -> None:
        self._parts = parts
        self._left_out: list[LeftOut] = []
        self._left_out_count = 0
        self._guessed: dict[str, None] = {}
        self._table: CaseTable | None = None
        if cases and cases.filename:
            self._read_table(_cases_bytes(cases))

    def name(self) -> str:
        """Return the name of the batch: its folder or first file."""
        first = (self._parts[0].filename or "").replace("\\", "/") if self._parts else ""
        folder, _, rest = first.partition("/")
        return shown_name(folder if rest and folder.strip(".") else first) if first else ""

    def cases(self) -> tuple[CaseRow, ...]:
        """Return the rows of the table, once the photos are read."""
        return self._table.rows if self._table else ()

    def notes(self) -> BatchNotes:
        """Return notes on the batch, once the photos are read."""
        unread = self._table.unread if self._table else ()
        return BatchNotes(tuple(self._left_out), self._left_out_count, unread, tuple(self._guessed))

    def photos(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield every photo, those in ZIPs last; tables are read and other files noted."""
        packed = [is_zip(part.stream) for part in self._parts]
        zips = [part for part, is_packed in zip(self._parts, packed, strict=True) if is_packed]
        for part, is_packed in zip(self._parts, packed, strict=True):
            if not is_packed:
                yield from self._loose(part)
        for part in zips:
            if len(zips) > 1:  # names of several ZIPs are prefixed
                folder = _shown_path(part).removesuffix(".zip")
                yield from ((f"{folder}/{path}", data) for path, data in self._packed(part))
            else:
                yield from self._packed(part)

    def _loose(self, part: FileStorage) -> Iterator[tuple[str, bytes | None]]:
        """Yield a file outside ZIPs; a single chosen file always gets a row."""
        path, most = _shown_path(part), services().settings.max_upload_bytes
        head = part.stream.read(HEAD_BYTES)
        sort = sort_of(path, head)
        if sort == "not_a_photo" and "/" not in path:
            sort = "photo"
        data = head + part.stream.read(most + 1 - len(head)) if sort in {"photo", "table"} else None
        yield from self._sorted(path, sort, data if data is not None and len(data) <= most else None)

    def _packed(self, part: FileStorage) -> Iterator[tuple[str, bytes | None]]:
        archive = PhotoZip(part.stream, services().settings.max_upload_bytes)
        for file in archive.files(lambda: {last_part(row.path) for row in self.cases()}):
            yield from self._sorted(file.path, file.sort, file.data)
        if archive.guessed:
            self._guessed[archive.guessed] = None

    def _sorted(self, path: str, sort: Sort, data: bytes | None) -> Iterator[tuple[str, bytes | None]]:
        if sort == "photo":
            yield path, data
        elif sort == "table":
            if data is None or len(data) > MOST_CASES_BYTES:
                raise CasesUnreadable("size")
            self._read_table(data)
        else:
            self._left_out_count += 1
            if len(self._left_out) < MOST_NAMED:
                self._left_out.append(LeftOut(path, sort))

    def _read_table(self, data: bytes) -> None:
        if self._table is not None:
            raise CasesUnreadable("several")
        self._table = read_cases(data, latest_today(services().now()))


def _shown_path(part: FileStorage) -> str:
    path = canonical_path(part.filename or "")
    return "".join(character for character in path if character.isprintable()).strip() or "photo"


def _cases_bytes(part: FileStorage) -> bytes:
    data = part.stream.read(MOST_CASES_BYTES + 1)
    if len(data) > MOST_CASES_BYTES:
        raise CasesUnreadable("size")
    return data


def _cells(photo: BatchPhoto) -> tuple[str, ...]:
    age = "" if photo.age_years is None else f"{photo.age_years:.2f}"
    texts = (
        photo.name,
        photo.case_reference,
        photo.status,
        age,
        photo.code,
        None if photo.sentence is None else str(photo.sentence),
        photo.estimate_id,
        photo.birth_date.isoformat() if photo.birth_date else None,
        photo.photo_date.isoformat() if photo.photo_date else None,
    )
    return (str(photo.position + 1), *(text or "" for text in texts))


def _left_out_cells(notes: BatchNotes) -> Iterator[tuple[str, ...]]:
    """Yield a row for every listed skipped file, and one for the rest."""
    rest = len(COLUMNS.split(",")) - 7
    for left in notes.left_out:
        yield "", left.name, "", "left_out", "", left.why, f"Left out: {LEFT_OUT[left.why]}.", *[""] * rest
    if more := notes.left_out_count - len(notes.left_out):
        yield "", "", "", "left_out", "", "", f"{more} more files were left out.", *[""] * rest


def _taken_in(parts: list[FileStorage], cases: FileStorage | None) -> Made:
    form, batches = _Form(parts, cases), services().batches
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
        most_mb=round(settings.max_batch_bytes / 1e6),
    )
