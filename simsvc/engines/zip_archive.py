"""Photos in a ZIP, unpacked within bounds. Names in it are shown, never used as paths."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from simsvc.errors import (
    ArchiveBomb,
    ArchiveDamaged,
    ArchiveEncrypted,
    ArchiveNested,
    ArchiveUnsafe,
    BatchTooLarge,
)

SIGNATURE, EMPTY = b"PK\x03\x04", b"PK\x05\x06"
NESTED = (SIGNATURE, b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\x00")
"""First bytes of ZIP, gzip, 7z, RAR, bzip2 and xz. Source: the formats' specifications."""
MOST_RATIO = 100
"""Unpacked over packed bytes, beyond `GRACE_BYTES`. Photos are packed already and stay near 1; deflate
reaches 1032. Source: Apache POI, ZipSecureFile (least inflate ratio 0.01); zlib, "Technical Details"."""
GRACE_BYTES = 100 * 1024
"""So much may unpack from nothing. Source: Apache POI, ZipSecureFile, GRACE_ENTRY_SIZE."""
MOST_DIRECTORY_BYTES = 1_000_000
"""The list of files is read as a whole; 46 bytes and a name for each. A batch has far fewer entries."""
DIRECTORY_END_BYTES = 22 + 65_535
"""Source: APPNOTE.TXT, 4.3.16: the record and the longest comment behind it."""
PIECE_BYTES = 1 << 16
JUNK = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
"""What macOS and Windows put beside photos unasked."""


def is_zip(stream: IO[bytes]) -> bool:
    """Say whether a stream begins like a ZIP; it is left at its beginning."""
    begins = stream.read(len(SIGNATURE))
    stream.seek(0)
    return begins in (SIGNATURE, EMPTY)


def photos_in_zip(
    stream: IO[bytes], most_photo_bytes: int, most_bytes: int
) -> Iterator[tuple[str, bytes | None]]:
    """Give each file of a ZIP: its name in there, and its bytes, or None where they are more than a photo's.

    Args:
        stream: of the ZIP, seekable.
        most_photo_bytes: of one file.
        most_bytes: of all files together.

    Raises:
        ArchiveDamaged: it cannot be unpacked.
        ArchiveEncrypted: a file needs a password.
        ArchiveNested: a file is an archive.
        ArchiveUnsafe: a name leads out of it, or is a link.
        ArchiveBomb: a file unpacks to far more than its packed bytes.
        BatchTooLarge: there are too many files or bytes.
    """
    _check_directory(stream)
    try:
        with zipfile.ZipFile(stream) as archive:
            entries = [entry for entry in archive.infolist() if _is_wanted(entry)]
            for entry in entries:
                _check_entry(entry)
            left = most_bytes
            for entry in entries:
                data, unpacked_bytes = _unpacked(archive, entry, most_photo_bytes, left)
                left -= unpacked_bytes
                yield entry.filename, data
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError):
        raise _damaged() from None


def _check_directory(stream: IO[bytes]) -> None:
    """Look how long the list of files is before `zipfile` reads it whole."""
    end = stream.seek(0, 2)
    stream.seek(max(0, end - DIRECTORY_END_BYTES))
    tail = stream.read()
    stream.seek(0)
    place = tail.rfind(EMPTY)
    if place < 0 or len(tail) < place + 16:
        raise _damaged()
    if int.from_bytes(tail[place + 12 : place + 16], "little") > MOST_DIRECTORY_BYTES:
        raise BatchTooLarge("The ZIP holds far too many files. Send the photos as several batches.")


def is_junk(name: str) -> bool:
    """Say whether a file, by its name with its folders, is what systems put beside photos unasked."""
    parts = name.replace("\\", "/").split("/")
    return parts[0] == JUNK[0] or parts[-1] in JUNK or parts[-1].startswith("._")


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    return not entry.is_dir() and not is_junk(entry.filename)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename.replace("\\", "/")
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    if name.startswith("/") or ":" in name.partition("/")[0] or ".." in name.split("/") or is_link:
        raise ArchiveUnsafe(
            "A name in the ZIP leads to a place outside of it, so nothing was taken from it. "
            "Pack the photos again from their folder and send the new ZIP."
        )
    if entry.flag_bits & 0x1:
        raise ArchiveEncrypted(
            "The ZIP is protected by a password. Pack the photos without one and send it again."
        )
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveDamaged(
            "The ZIP is packed in a way that is not accepted. Pack it as a plain ZIP and send it again."
        )


def _unpacked(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most_photo_bytes: int, left: int
) -> tuple[bytes | None, int]:
    """Unpack one file in pieces; what its header says of its size is not believed."""
    kept, count = bytearray(), 0
    with archive.open(entry) as file:
        while piece := file.read(PIECE_BYTES):
            if not count and piece.startswith(NESTED):
                raise ArchiveNested(
                    "The ZIP holds another archive. Unpack that one, put the photos themselves into the ZIP "
                    "and send it again."
                )
            count += len(piece)
            if count > max(GRACE_BYTES, MOST_RATIO * entry.compress_size):
                raise ArchiveBomb(
                    "A file in the ZIP unpacks to far more than any photo would, so nothing was taken "
                    "from it. Send the photos themselves."
                )
            if count > left:
                raise BatchTooLarge(
                    "The photos are too large for one batch once they are unpacked. "
                    "Send them as several batches."
                )
            if count <= most_photo_bytes:
                kept += piece
    return (bytes(kept) if count <= most_photo_bytes else None), count


def _damaged() -> ArchiveDamaged:
    return ArchiveDamaged("The ZIP is damaged or incomplete. Pack the photos again and send the new ZIP.")
