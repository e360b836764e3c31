"""Sort files into photos, tables and others, by content."""

from __future__ import annotations

from typing import Literal

from simsvc.domain.desk.batch_csv import begins_like_cases
from simsvc.domain.files.file_names import UNWANTED, Unwanted, last_part, unwanted
from simsvc.messages import N_

Sort = Literal["photo", "table", "not_a_photo"] | Unwanted

LEFT_OUT: dict[str, str] = {
    "not_a_photo": N_("not a photo"),
    **{str(why): words for why, words in UNWANTED.items()},
}
"""Text for each reason to skip a file."""
HEAD_BYTES = 4096
PICTURES = "jpg jpeg jpe jfif jfi jif mpo png apng webp heic heics heif heifs hif avif tif tiff bmp dib gif"
RARER = "jp2 j2k jpf jpx jpm ppm pgm pbm pnm jxl pdf psd svg"
RAW = "dng cr2 cr3 crw nef nrw arw sr2 srf raf orf rw2 pef srw x3f 3fr iiq"
ENDINGS = frozenset(f"{PICTURES} {RARER} {RAW}".split())
"""Extensions of pictures and PDF: such files get a row with the reason of refusal. Source: IANA, media types
image/*; ExifTool, "Supported File Types"."""
SIGNATURES = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM"),
    *(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    *(b"IIRO", b"IIRS", b"IIU\x00", b"FUJIFILMCCD-RAW", b"FOVb"),
    *(b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cJXL ", b"\xff\x0a"),
    *(b"8BPS", b"%PDF-"),
)
"""Signatures of pictures, also refused formats, and of PDF. Source: ExifTool and the formats' standards."""
BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis", b"crx ")
"""Brands of pictures in ISO media files. Source: MP4 registration authority, brands; ISO/IEC 23008-12."""
OFFICE = (b"[Content_Types].xml", b"mimetypeapplication/", b"_rels/.rels", b"docProps/")
"""First file name in an Office document. Source: ECMA-376 part 2; OpenDocument 1.3, part 2, "Packages"."""
ZIP_NAME_PLACE = 30
"""Offset of the first name in a ZIP. Source: APPNOTE.TXT, 4.3.7."""


def sort_of(path: str, head: bytes) -> Sort:
    """Return what kind of file it is, by the client's path and its first `HEAD_BYTES`."""
    why = unwanted(path)
    if why is not None:
        return why
    ending = _ending(path)
    if is_picture(head) or ending in ENDINGS:
        return "photo"
    if ending == "csv" or (ending in {"txt", "tsv", "tab"} and begins_like_cases(head)):
        return "table"
    return "not_a_photo"


def is_picture(head: bytes) -> bool:
    """Return whether a file begins like a picture or PDF."""
    if head.startswith(SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    return head[4:8] == b"ftyp" and head[8:12] in BRANDS


def is_office(head: bytes) -> bool:
    """Return whether a ZIP is an Office document."""
    return head[ZIP_NAME_PLACE:].startswith(OFFICE)


def _ending(path: str) -> str:
    name = last_part(path)
    return name.rpartition(".")[2].lower() if "." in name else ""
