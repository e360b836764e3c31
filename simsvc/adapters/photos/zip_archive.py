"""Photos in a ZIP, unpacked within limits. Names are only displayed, never used as paths."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import IO, cast

from simsvc.domain.desk.contents import HEAD_BYTES, Sort, is_office, sort_of
from simsvc.domain.files.file_names import canonical_path, unwanted
from simsvc.domain.files.zip_names import UTF8, decoded, unicode_path
from simsvc.errors import (
    ArchiveBomb,
    ArchiveDamaged,
    ArchiveEncrypted,
    ArchiveNested,
    ArchiveUnsafe,
    BatchTooLarge,
)

SIGNATURE = b"PK\x03\x04"
BEGINNINGS = (SIGNATURE, b"PK\x05\x06", b"PK\x06\x06", b"PK00PK\x03\x04")
"""Signatures of a ZIP: with files, empty (both sizes), and meant to be split. Source:
APPNOTE.TXT, 4.3.7, 4.3.14, 4.3.16 and 8.5.4."""
NESTED = (SIGNATURE, b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\x00")
"""First bytes of ZIP, gzip, 7z, RAR, bzip2 and xz. Source: the formats' specifications."""
MOST_DIRECTORY_BYTES = 1_000_000
"""Maximum size of the file list, read at once: 46 bytes and a name per entry."""
LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Local file header: signature, length of name and extra fields. Source: APPNOTE.TXT, 4.3.7."""
LOCAL_FLAGS_PLACE = 6
LISTED = b"PK\x01\x02"
LIST_HEADER, FLAGS_PLACE = struct.Struct("<8xH18x3H12x"), 8
"""Entry of the list: flags, length of name, extra fields and comment. Source: APPNOTE.TXT, 4.3.12."""
UTF8_FLAG = 0x800
"""Flag of a UTF-8 name. Source: APPNOTE.TXT, 4.4.4, bit 11."""
PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A file in a ZIP by its canonical path, with the data of a photo or table unless it is too large."""

    path: str
    sort: Sort
    data: bytes | None = None


def is_zip(stream: IO[bytes]) -> bool:
    """Return whether a stream begins like a ZIP; rewinds it."""
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    return head.startswith(BEGINNINGS) and not is_office(head)


def files_stated(stream: IO[bytes]) -> int:
    """Return the stated number of files in a ZIP, or 1 for anything else; rewinds the stream."""
    if not is_zip(stream):
        return 1
    try:
        with _opened(stream) as archive:
            return max(1, len(archive.infolist()))
    except (zipfile.BadZipFile, BatchTooLarge, OSError, ValueError, NotImplementedError, struct.error):
        return 1  # unpacking reports the problem
    finally:
        stream.seek(0)


class PhotoZip:
    """A ZIP with a checked file list, unpacked file by file from a seekable stream.

    Raises ArchiveDamaged if it cannot be read; ArchiveEncrypted if a file needs a password; ArchiveUnsafe if
    a name points outside, or is a link; ArchiveBomb if files overlap; BatchTooLarge if there are too many
    files.
    """

    def __init__(self, stream: IO[bytes], most_photo_bytes: int) -> None:
        self.guessed: str | None = None
        self._most_photo_bytes = most_photo_bytes
        with _damage_told():
            self._archive = _opened(stream)
            _check_overlaps(self._archive, stream)
            for entry in self._archive.infolist():
                _check_entry(entry)

    def files(self, known: Callable[[], Collection[str]] = tuple) -> Iterator[Unpacked]:
        """Yield each file, tables first, then in order; names `known` from the tables tell encodings.

        Raises ArchiveDamaged if a file cannot be unpacked, ArchiveNested if a file is an archive.
        """
        entries = [entry for entry in self._archive.infolist() if not _is_folder(entry)]
        tables = [entry for entry in entries if _is_table(entry)]
        for entry, path in zip(tables, self._paths(tables, ()), strict=True):
            yield self._unpacked(entry, path)
        others = [entry for entry in entries if not _is_table(entry)]
        for entry, path in zip(others, self._paths(others, known()), strict=True):
            yield self._unpacked(entry, path)

    def _paths(self, entries: Collection[zipfile.ZipInfo], known: Collection[str]) -> list[str]:
        """Return the names of the files, with guessed encodings if not stated."""
        said = {entry: name for entry in entries if (name := _said_name(entry)) is not None}
        unsaid = [entry for entry in entries if entry not in said]
        encoding, names = decoded([_raw(entry) for entry in unsaid], known)
        if encoding != UTF8:
            self.guessed = encoding
        said.update(zip(unsaid, names, strict=True))
        return [_shown(said[entry]) for entry in entries]

    def _unpacked(self, entry: zipfile.ZipInfo, path: str) -> Unpacked:
        why = unwanted(path)
        if why is not None:
            return Unpacked(path, why)
        with _damage_told(), self._archive.open(entry) as file:
            head = file.read(HEAD_BYTES)
            sort = sort_of(path, head)
            if head.startswith(NESTED) and not is_office(head):
                raise ArchiveNested()
            if sort not in {"photo", "table"} or entry.file_size > self._most_photo_bytes:
                return Unpacked(path, sort)
            return Unpacked(path, sort, head + b"".join(iter(lambda: file.read(PIECE_BYTES), b"")))


class _ShortReads:
    """A stream with a limit on the size of the file list, with UTF-8 flags only `as_said`."""

    def __init__(self, stream: IO[bytes], *, as_said: bool = True) -> None:
        self._stream = stream
        self._as_said = as_said
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        """Return a number of bytes, or the rest; raises BatchTooLarge if the file list is too large."""
        data = self._stream.read(
            MOST_DIRECTORY_BYTES + 1 if size < 0 else min(size, MOST_DIRECTORY_BYTES + 1)
        )
        if len(data) > MOST_DIRECTORY_BYTES:
            raise BatchTooLarge("files")
        return data if self._as_said else _unsaid(data)


def _opened(stream: IO[bytes]) -> zipfile.ZipFile:
    """Open a ZIP, even with wrong UTF-8 flags."""
    try:
        return zipfile.ZipFile(cast("IO[bytes]", _ShortReads(stream)))
    except UnicodeDecodeError:
        return zipfile.ZipFile(cast("IO[bytes]", _ShortReads(stream, as_said=False)))


def _unsaid(read: bytes) -> bytes:
    """Return headers with UTF-8 flags cleared."""
    changed, place = bytearray(read), 0
    if len(read) == LOCAL_HEADER.size and read.startswith(SIGNATURE):
        changed[LOCAL_FLAGS_PLACE + 1] &= ~(UTF8_FLAG >> 8)
    while changed[place : place + len(LISTED)] == LISTED and place + LIST_HEADER.size <= len(changed):
        flags, *lengths = LIST_HEADER.unpack_from(changed, place)
        struct.pack_into("<H", changed, place + FLAGS_PLACE, flags & ~UTF8_FLAG)
        place += LIST_HEADER.size + sum(lengths)
    return bytes(changed)


class _damage_told:  # noqa: N801 - reads as a verb
    """Converts errors of unpacking to ArchiveDamaged.

    If stated sizes are wrong, no more bytes are unpacked, and the CRC does not match.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        damage = (
            zipfile.BadZipFile,
            zlib.error,
            struct.error,
            EOFError,
            NotImplementedError,
            OSError,
            ValueError,
        )
        if kind is not None and issubclass(kind, (*damage, RuntimeError)):
            raise ArchiveDamaged("damaged") from None


def _check_overlaps(archive: zipfile.ZipFile, stream: IO[bytes]) -> None:
    """Check that files do not overlap each other or the file list.

    Source: CPython, gh-109858, "Protect zipfile from quoted-overlap zipbomb"; D. Fifield, "A better zip
    bomb", WOOT 2019.
    """
    entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    limits = [*(entry.header_offset for entry in entries), archive.start_dir][1:]
    for entry, limit in zip(entries, limits, strict=True):
        stream.seek(entry.header_offset)
        header = stream.read(LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size or not header.startswith(SIGNATURE):
            raise ArchiveDamaged("damaged")
        _, name_bytes, extra_bytes = LOCAL_HEADER.unpack(header)
        if entry.header_offset + len(header) + name_bytes + extra_bytes + entry.compress_size > limit:
            raise ArchiveBomb()


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.endswith(("/", "\\"))


def _is_table(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.lower().endswith(".csv")


def _raw(entry: zipfile.ZipInfo) -> bytes:
    """Return a name's bytes; `zipfile` decodes names without UTF-8 flag as CP437."""
    name = entry.orig_filename.partition("\0")[0]
    return name.encode("utf-8" if entry.flag_bits & UTF8_FLAG else "cp437")


def _said_name(entry: zipfile.ZipInfo) -> str | None:
    if entry.flag_bits & UTF8_FLAG:
        return entry.orig_filename.partition("\0")[0]
    header_name = entry.orig_filename.encode("cp437")
    return unicode_path(entry.extra, header_name)


def _shown(name: str) -> str:
    return "".join(character for character in canonical_path(name) if character.isprintable())


def _check_entry(entry: zipfile.ZipInfo) -> None:
    if _is_folder(entry) or unwanted(entry.filename) is not None:
        return
    raw = _said_name(entry) or entry.orig_filename
    name = raw.replace("\\", "/")
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    if name.startswith("/") or ":" in name.partition("/")[0] or ".." in name.split("/") or is_link:
        raise ArchiveUnsafe()
    if entry.flag_bits & 0x1:
        raise ArchiveEncrypted()
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveDamaged("packing")
