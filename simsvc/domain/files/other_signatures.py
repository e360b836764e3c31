"""Unsupported formats, recognised by their first bytes."""

from __future__ import annotations

from simsvc.messages import N_

_OTHER = (
    (b"%PDF", N_("a PDF document")),
    (b"%!PS", N_("a PostScript document")),
    (b"8BPS", N_("a Photoshop file")),
    (b"\xc5\xd0\xd3\xc6", N_("an EPS document")),
    (b"DDS ", N_("a DirectDraw surface")),
    (b"qoif", N_("a QOI image")),
    (b"BLP", N_("a BLP texture")),
    (b"\x00\x00\x01\x00", N_("a Windows icon")),
    (b"\x00\x00\x02\x00", N_("a Windows cursor")),
    (b"SIMPLE  =", N_("a FITS file")),
    (b"\x01\xda", N_("an SGI image")),
    (b"\x0a\x05\x01", N_("a PCX image")),
    (b"icns", N_("a macOS icon")),
    (b"<svg", N_("an SVG drawing")),
    (b"RIFF", N_("a RIFF file other than WebP")),
    (b"PK\x03\x04", N_("a ZIP archive")),
    (b"\x1f\x8b", N_("a gzip archive")),
)
_JPEG_XL, _JPEG_XR = N_("a JPEG XL image"), N_("a JPEG XR image")
_MODERN = ((b"\xff\x0a", _JPEG_XL), (b"\x00\x00\x00\x0cJXL \r\n\x87\n", _JPEG_XL), (b"II\xbc", _JPEG_XR))
"""Source: ISO/IEC 18181-2 (JPEG XL), section 9; ISO/IEC 29199-2 (JPEG XR), annex A."""
_RAW = (
    (b"FUJIFILMCCD-RAW", N_("a Fujifilm raw file (RAF)")),
    (b"IIRO", N_("an Olympus raw file (ORF)")),
    (b"IIRS", N_("an Olympus raw file (ORF)")),
    (b"MMOR", N_("an Olympus raw file (ORF)")),
    (b"IIU\x00", N_("a Panasonic raw file (RW2)")),
    (b"FOVb", N_("a Sigma raw file (X3F)")),
    (b"\x00MRM", N_("a Minolta raw file (MRW)")),
    (b"II\x1a\x00\x00\x00HEAPCCDR", N_("a Canon raw file (CRW)")),
)
"""Raw files with a signature of their own. Source: LibRaw's `identify`; ExifTool's list of file types."""
CR2, CR3, DNG = N_("a Canon raw file (CR2)"), N_("a Canon raw file (CR3)"), N_("a raw file (DNG)")
MAKERS = {
    "nikon": N_("a Nikon raw file (NEF)"),
    "sony": N_("a Sony raw file (ARW)"),
    "pentax": N_("a Pentax raw file (PEF)"),
    "ricoh": N_("a Pentax raw file (PEF)"),
    "samsung": N_("a Samsung raw file (SRW)"),
    "hasselblad": N_("a Hasselblad raw file (3FR)"),
    "kodak": N_("a Kodak raw file (DCR)"),
    "eastman": N_("a Kodak raw file (DCR)"),
    "epson": N_("an Epson raw file (ERF)"),
    "mamiya": N_("a Mamiya raw file (MEF)"),
    "leaf": N_("a Leaf raw file (MOS)"),
    "phase one": N_("a Phase One raw file (IIQ)"),
    "olympus": N_("an Olympus raw file (ORF)"),
    "panasonic": N_("a Panasonic raw file (RW2)"),
    "leica": N_("a Leica raw file (RWL)"),
    "canon": CR2,
}
"""Raw files that are TIFFs, by how their Make begins."""
OTHER_RAW = N_("a camera's raw file")

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"})
"""Source: ISO/IEC 23008-12, annex B; AV1 Image File Format 1.1, section 6."""
_BEGUN = (
    (b"GIF8", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
)

RAW_FORMATS = tuple(dict.fromkeys((*(name for _, name in _RAW), CR2, CR3, DNG, *MAKERS.values(), OTHER_RAW)))
"""What such a file is called in its refusal."""


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
