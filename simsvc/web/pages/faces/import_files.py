"""The files of an upload of reference faces: photos, a folder, ZIPs and a label table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from werkzeug.datastructures import FileStorage

from simsvc.adapters.photos.zip_archive import PhotoZip, is_zip
from simsvc.domain.desk.contents import HEAD_BYTES, Sort, sort_of
from simsvc.domain.files.file_names import canonical_path, last_part
from simsvc.domain.gallery.importing.import_labels import LABELS
from simsvc.domain.gallery.labels import read_label_table
from simsvc.errors import BatchTooLarge, ImportRefused, ImportTooLarge, LabelsUnreadable
from simsvc.flows.gallery.import_faces import MOST_LABELS_BYTES, MOST_PHOTOS


class ImportFiles:
    """Reads the parts of a form one by one."""

    def __init__(self, parts: list[FileStorage], labels: FileStorage | None, most_photo_bytes: int) -> None:
        self._parts = parts
        self._most_photo_bytes = most_photo_bytes
        self._tables: list[tuple[str, bytes]] = []
        self._chosen: tuple[str, bytes] | None = None
        if labels and labels.filename:
            self._chosen = ("", labels.stream.read(MOST_LABELS_BYTES + 1))

    def photos(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield path and bytes of every photo, those in ZIPs last; None for the bytes of a larger one.

        Raises ImportTooLarge or a BatchError if a ZIP cannot be unpacked.
        """
        packed = [is_zip(part.stream) for part in self._parts]
        zips = [part for part, is_packed in zip(self._parts, packed, strict=True) if is_packed]
        for part, is_packed in zip(self._parts, packed, strict=True):
            if not is_packed:
                yield from self._loose(part)
        for part in zips:
            folder = f"{_path(part).removesuffix('.zip')}/" if len(zips) > 1 else ""
            yield from self._packed(part, folder)

    def labels(self) -> tuple[str, bytes]:
        """Return path and bytes of the label table, once the photos are read; raises ImportRefused."""
        if self._chosen is not None:
            return self._chosen
        named = [table for table in self._tables if last_part(table[0]).lower() == LABELS]
        found = named or self._tables
        if not found:
            raise ImportRefused("no_labels")
        if len(found) > 1:
            raise ImportRefused("several_labels")
        return found[0]

    def _loose(self, part: FileStorage) -> Iterator[tuple[str, bytes | None]]:
        path, most = _path(part), self._most_photo_bytes
        head = part.stream.read(HEAD_BYTES)
        sort = sort_of(path, head)
        if sort in {"photo", "table"}:
            data = head + part.stream.read(most + 1 - len(head))
            yield from self._sorted(path, sort, data if len(data) <= most else None)

    def _packed(self, part: FileStorage, folder: str) -> Iterator[tuple[str, bytes | None]]:
        try:
            archive = PhotoZip(part.stream, self._most_photo_bytes)
            for file in archive.files(self._named):
                yield from self._sorted(folder + file.path, file.sort, file.data)
        except BatchTooLarge:
            raise ImportTooLarge("photos", most=MOST_PHOTOS) from None

    def _sorted(self, path: str, sort: Sort, data: bytes | None) -> Iterator[tuple[str, bytes | None]]:
        if sort == "photo":
            yield path, data
        elif sort == "table":
            self._tables.append((path, data if data is not None else bytes(MOST_LABELS_BYTES + 1)))

    def _named(self) -> set[str]:
        """Return the file names in the table, which tell how a ZIP encodes names."""
        with suppress(ImportRefused, LabelsUnreadable):
            return {last_part(row.file) for row in read_label_table(self.labels()[1]).rows}
        return set()


def _path(part: FileStorage) -> str:
    path = canonical_path(part.filename or "")
    return "".join(character for character in path if character.isprintable()) or "photo"
