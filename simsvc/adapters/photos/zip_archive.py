"""Photos in a ZIP, unpacked within bounds. Names in it are shown, never used as paths."""

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
"""Of a ZIP with files, of an empty one of either size, and of one that a program meant to split. Source:
APPNOTE.TXT, 4.3.7, 4.3.14, 4.3.16 and 8.5.4."""
NESTED = (SIGNATURE, b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\x00")
"""First bytes of ZIP, gzip, 7z, RAR, bzip2 and xz. Source: the formats' specifications."""
MOST_DIRECTORY_BYTES = 1_000_000
"""The list of files is read as a whole; 46 bytes and a name for each. A batch has far fewer entries."""
LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a file itself: signature, bytes of the name and of the extra fields. Source: APPNOTE.TXT, 4.3.7."""
LOCAL_FLAGS_PLACE = 6
LISTED = b"PK\x01\x02"
LIST_HEADER, FLAGS_PLACE = struct.Struct("<8xH18x3H12x"), 8
"""Of a file in the list: flags, bytes of the name, of the extra fields and of the comment. Source:
APPNOTE.TXT, 4.3.12."""
UTF8_FLAG = 0x800
"""That a name is in UTF-8. Source: APPNOTE.TXT, 4.4.4, bit 11."""
PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A file of a ZIP.

    Attributes:
        path: its name in there, with its folders, in canonical form.
        sort: what it is.
        data: of a photo or a table; None where it has more bytes than one may have.
    """

    path: str
    sort: Sort
    data: bytes | None = None


def is_zip(stream: IO[bytes]) -> bool:
    """Say whether a stream begins like a ZIP that may hold photos; it is left at its beginning."""
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    return head.startswith(BEGINNINGS) and not is_office(head)


def files_stated(stream: IO[bytes]) -> int:
    """Return how many files a ZIP says it holds, 1 for anything else; the stream is left at its beginning."""
    if not is_zip(stream):
        return 1
    try:
        with _opened(stream) as archive:
            return max(1, len(archive.infolist()))
    except (zipfile.BadZipFile, BatchTooLarge, OSError, ValueError, NotImplementedError, struct.error):
        return 1  # whoever unpacks it says why it cannot be
    finally:
        stream.seek(0)


class PhotoZip:
    """A ZIP whose list of files is checked; what it holds is unpacked file by file.

    Args:
        stream: of the ZIP, seekable.
        most_photo_bytes: of one file.

    Raises:
        ArchiveDamaged: it cannot be read.
        ArchiveEncrypted: a file needs a password.
        ArchiveUnsafe: a name leads out of it, or is a link.
        ArchiveBomb: files share bytes.
        BatchTooLarge: there are far too many files.
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
        """Give each file, tables first, then in the ZIP's order; folders are none.

        Args:
            known: asked after the tables: names that they have for photos, by which encodings are told apart.

        Raises:
            ArchiveDamaged: a file cannot be unpacked.
            ArchiveNested: a file is an archive.
        """
        entries = [entry for entry in self._archive.infolist() if not _is_folder(entry)]
        tables = [entry for entry in entries if _is_table(entry)]
        for entry, path in zip(tables, self._paths(tables, ()), strict=True):
            yield self._unpacked(entry, path)
        others = [entry for entry in entries if not _is_table(entry)]
        for entry, path in zip(others, self._paths(others, known()), strict=True):
            yield self._unpacked(entry, path)

    def _paths(self, entries: Collection[zipfile.ZipInfo], known: Collection[str]) -> list[str]:
        """Return what the files are called: as each says by itself, and else as the rest is likely meant."""
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
    """A stream of which `zipfile` may read a list of files, but not one without end.

    Args:
        stream: of a ZIP.
        as_said: whether names are in UTF-8 where the list says so; else it says so of none.
    """

    def __init__(self, stream: IO[bytes], *, as_said: bool = True) -> None:
        self._stream = stream
        self._as_said = as_said
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes; the rest, where no number is given.

        Raises:
            BatchTooLarge: more are asked for than a list of files may have.
        """
        data = self._stream.read(
            MOST_DIRECTORY_BYTES + 1 if size < 0 else min(size, MOST_DIRECTORY_BYTES + 1)
        )
        if len(data) > MOST_DIRECTORY_BYTES:
            raise BatchTooLarge("files")
        return data if self._as_said else _unsaid(data)


def _opened(stream: IO[bytes]) -> zipfile.ZipFile:
    """Open a ZIP, also one whose names are not in UTF-8 though it says so."""
    try:
        return zipfile.ZipFile(cast("IO[bytes]", _ShortReads(stream)))
    except UnicodeDecodeError:
        return zipfile.ZipFile(cast("IO[bytes]", _ShortReads(stream, as_said=False)))


def _unsaid(read: bytes) -> bytes:
    """Return a list of files, or a file's own header, that says of no name that it is in UTF-8."""
    changed, place = bytearray(read), 0
    if len(read) == LOCAL_HEADER.size and read.startswith(SIGNATURE):
        changed[LOCAL_FLAGS_PLACE + 1] &= ~(UTF8_FLAG >> 8)
    while changed[place : place + len(LISTED)] == LISTED and place + LIST_HEADER.size <= len(changed):
        flags, *lengths = LIST_HEADER.unpack_from(changed, place)
        struct.pack_into("<H", changed, place + FLAGS_PLACE, flags & ~UTF8_FLAG)
        place += LIST_HEADER.size + sum(lengths)
    return bytes(changed)


class _damage_told:  # noqa: N801 - reads as a verb
    """Tells whatever unpacking raises as the damage that it is.

    Of a ZIP whose stated sizes are lies, no more than the stated bytes are unpacked, and the CRC does not
    fit.
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
    """Hold every file's bytes, with its header, against the next one's beginning and the list of files.

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
    """Return a name's bytes; `zipfile` reads what is not said to be UTF-8 as CP437, which has all bytes."""
    name = entry.orig_filename.partition("\0")[0]
    return name.encode("utf-8" if entry.flag_bits & UTF8_FLAG else "cp437")


def _said_name(entry: zipfile.ZipInfo) -> str | None:
    """Return a file's name where the ZIP says how it is encoded."""
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
