"""The upload of a batch: photos, a folder, ZIPs and a table of cases."""

from __future__ import annotations

from collections.abc import Iterator

from werkzeug.datastructures import FileStorage

from simsvc.adapters.photos.zip_archive import PhotoZip, is_zip
from simsvc.domain.desk.batch_csv import CaseRow, CaseTable, read_cases
from simsvc.domain.desk.contents import HEAD_BYTES, Sort, sort_of
from simsvc.domain.desk.declared import latest_today
from simsvc.domain.files.file_names import canonical_path, last_part
from simsvc.errors import CasesUnreadable
from simsvc.values import BatchNotes, LeftOut
from simsvc.web.http.current import services
from simsvc.web.http.upload import shown_name

MOST_CASES_BYTES = 1_000_000
"""Maximum size of the CSV, well above `MOST_PHOTOS` rows of a file name, a case and two dates."""
MOST_NAMED = 100
"""Skipped files of a batch listed by name; others are counted."""


class BatchForm:
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
