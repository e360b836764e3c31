"""Recognise photos by their first bytes."""

from __future__ import annotations

import re

HEAD_BYTES = 32

_STARTS = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"),  # JPEG and MPO, PNG, GIF
    *(b"II*\x00", b"MM\x00*"),  # TIFF, and the raw formats made of it: DNG, NEF, CR2, ARW, PEF, SRW
    *(b"II+\x00", b"MM\x00+"),  # BigTIFF
    *(b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),  # JPEG 2000
    *(b"\x00\x00\x00\x0cJXL \r\n\x87\n", b"\xff\x0a"),  # JPEG XL
    *(b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\x00"),  # Fujifilm RAF, Olympus ORF, Panasonic RW2
    *(b"II\x1a\x00\x00\x00HEAPCCDR", b"\x00MRM", b"FOVb"),  # Canon CRW, Minolta MRW, Sigma X3F
    *(b"8BPS", b"qoif"),  # Photoshop, QOI
)
"""Signatures of pictures, including unsupported ones. Source: the formats' specifications, as
libmagic (magic/Magdir/images, jpeg, canon) and ExifTool (lib/Image/ExifTool.pm, %magicNumber) list them."""
_BRANDS = frozenset(
    {
        *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
        *(b"mif1", b"mif2", b"msf1", b"miaf", b"MiHB", b"MiHE", b"avif", b"avis", b"jxl ", b"crx "),
    }
)
"""Brands of ISO base media files that are pictures. Source: https://mp4ra.org/registered-types/brands."""
_BMP = re.compile(rb"BM.{4}\0{4}.{4}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL)
"""Reserved bytes and header length of a BMP, to tell it from text that begins with BM.
Source: Microsoft, BITMAPFILEHEADER and the headers after it."""
_PNM = re.compile(rb"(?:P[1-6][ \t\r\n]+[0-9#]|P7\n|P[Ff]\n)")
"""Source: https://netpbm.sourceforge.net/doc/ (pbm, pgm, ppm, pam), https://www.pauldebevec.com/Research/HDR/PFM/."""


ENDINGS = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".png", ".webp"),
        *(".heic", ".heif", ".hif", ".avif"),
        *(".tif", ".tiff", ".bmp", ".dib", ".gif", ".jp2", ".j2k", ".jpx", ".jxl", ".dng", ".cr2", ".cr3"),
        *(".crw", ".nef", ".nrw", ".arw", ".sr2", ".raf", ".orf", ".rw2", ".pef", ".srw", ".x3f"),
    }
)
"""Extensions of photos: such files are never skipped; if they are not photos, they are refused."""


def promises_picture(name: str) -> bool:
    """Return whether a file name has a photo extension, so that its content is not checked."""
    return name[name.rfind(".") :].lower() in ENDINGS


def is_picture(head: bytes) -> bool:
    """Return whether a file's first `HEAD_BYTES` are those of a picture, supported or not."""
    return (
        head.startswith(_STARTS)
        or (head[4:8] == b"ftyp" and _has_picture_brand(head))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or _BMP.match(head) is not None
        or _PNM.match(head) is not None
    )


def _has_picture_brand(head: bytes) -> bool:
    return head[8:12] in _BRANDS or any(head[at : at + 4] in _BRANDS for at in range(16, len(head), 4))
