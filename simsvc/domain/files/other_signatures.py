"""Unsupported formats, recognised by their first bytes."""

from __future__ import annotations

_OTHER = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"8BPS", "a Photoshop file"),
    (b"\xc5\xd0\xd3\xc6", "an EPS document"),
    (b"DDS ", "a DirectDraw surface"),
    (b"qoif", "a QOI image"),
    (b"BLP", "a BLP texture"),
    (b"\x00\x00\x01\x00", "a Windows icon"),
    (b"\x00\x00\x02\x00", "a Windows cursor"),
    (b"SIMPLE  =", "a FITS file"),
    (b"\x01\xda", "an SGI image"),
    (b"\x0a\x05\x01", "a PCX image"),
    (b"icns", "a macOS icon"),
    (b"<svg", "an SVG drawing"),
    (b"RIFF", "a RIFF file other than WebP"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
)
_JPEG_XL, _JPEG_XR = "a JPEG XL image", "a JPEG XR image"
_MODERN = ((b"\xff\x0a", _JPEG_XL), (b"\x00\x00\x00\x0cJXL \r\n\x87\n", _JPEG_XL), (b"II\xbc", _JPEG_XR))
"""Source: ISO/IEC 18181-2 (JPEG XL), section 9; ISO/IEC 29199-2 (JPEG XR), annex A."""
_RAW = (
    (b"FUJIFILMCCD-RAW", "a Fujifilm raw file (RAF)"),
    (b"IIRO", "an Olympus raw file (ORF)"),
    (b"IIRS", "an Olympus raw file (ORF)"),
    (b"MMOR", "an Olympus raw file (ORF)"),
    (b"IIU\x00", "a Panasonic raw file (RW2)"),
    (b"FOVb", "a Sigma raw file (X3F)"),
    (b"\x00MRM", "a Minolta raw file (MRW)"),
    (b"II\x1a\x00\x00\x00HEAPCCDR", "a Canon raw file (CRW)"),
)
"""Raw files with their own signature. Source: LibRaw's `identify`; ExifTool's list of file types."""
CR2, CR3, DNG = "a Canon raw file (CR2)", "a Canon raw file (CR3)", "a raw file (DNG)"
MAKERS = {
    "nikon": "a Nikon raw file (NEF)",
    "sony": "a Sony raw file (ARW)",
    "pentax": "a Pentax raw file (PEF)",
    "ricoh": "a Pentax raw file (PEF)",
    "samsung": "a Samsung raw file (SRW)",
    "hasselblad": "a Hasselblad raw file (3FR)",
    "kodak": "a Kodak raw file (DCR)",
    "eastman": "a Kodak raw file (DCR)",
    "epson": "an Epson raw file (ERF)",
    "mamiya": "a Mamiya raw file (MEF)",
    "leaf": "a Leaf raw file (MOS)",
    "phase one": "a Phase One raw file (IIQ)",
    "olympus": "an Olympus raw file (ORF)",
    "panasonic": "a Panasonic raw file (RW2)",
    "leica": "a Leica raw file (RWL)",
    "canon": CR2,
}
"""Raw files based on TIFF, by the beginning of Make."""
OTHER_RAW = "a camera's raw file"

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"})
"""Source: ISO/IEC 23008-12, annex B; AV1 Image File Format 1.1, section 6."""
_BEGUN = (
    (b"GIF8", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
)

OTHER_FORMATS = tuple(name for _, name in _OTHER)
RAW_FORMATS = tuple(dict.fromkeys((*(name for _, name in _RAW), CR2, CR3, DNG, *MAKERS.values(), OTHER_RAW)))
NEW_FORMATS = (_JPEG_XL, _JPEG_XR)
"""Name of an unknown raw file."""


def other_format(data: bytes) -> str | None:
    """Return the name of an unsupported format, or None if unknown."""
    head = data[:16].lstrip()
    return next((name for signature, name in _OTHER if head.startswith(signature)), None)


def begun_format(data: bytes) -> str | None:
    """Return the name of the supported format a file begins like, or None."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "HEIC or AVIF"
    return next((name for signature, name in _BEGUN if data.startswith(signature)), None)


def new_format(data: bytes) -> str | None:
    """Return the name of a photo format that is not supported yet, or None."""
    return next((name for signature, name in _MODERN if data.startswith(signature)), None)


def raw_format(data: bytes) -> str | None:
    """Return the name of a raw format with its own signature, or None; for others see `tiff_pages`."""
    if data[4:12] == b"ftypcrx ":
        return CR3
    if data.startswith((b"II*\x00", b"MM\x00*")) and data[8:10] == b"CR":
        return CR2
    return next((name for signature, name in _RAW if data.startswith(signature)), None)
