"""Fonts of the PDFs, embedded with the characters that are used; see bundle/fonts/LICENSES.txt.

DejaVu Sans has Latin, Greek and Cyrillic, and Droid Sans Fallback has Chinese and Japanese. Korean alone is
not embedded: the reader's own font is named, as Adobe Technical Note 5014 describes.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

FONT_DIR = Path(__file__).resolve().parents[2] / "bundle" / "fonts"
LATIN, LATIN_BOLD, CHINESE, KOREAN = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DroidSansFallback",
    "HYSMyeongJo-Medium",
)
FILES = {
    LATIN: "DejaVuSans.ttf",
    LATIN_BOLD: "DejaVuSans-Bold.ttf",
    CHINESE: "DroidSansFallbackFull.ttf",
}
RIGHT_TO_LEFT = frozenset({"R", "AL"})
"""Bidirectional classes that are not shown: ReportLab neither orders nor joins such characters."""
UNKNOWN = "?"


@cache
def _fonts() -> dict[str, TTFont]:
    """Register the fonts and return those that are embedded."""
    found = {name: TTFont(name, str(FONT_DIR / file)) for name, file in FILES.items()}
    for font in found.values():
        pdfmetrics.registerFont(font)
    pdfmetrics.registerFont(UnicodeCIDFont(KOREAN))
    return found


def font_of(character: str) -> str | None:
    """Return the font for a character, or None if no font has it; any font for a line break."""
    fonts = _fonts()
    if character == "\n":
        return LATIN
    if unicodedata.bidirectional(character) in RIGHT_TO_LEFT:
        return None
    for name in (LATIN, CHINESE):
        if ord(character) in fonts[name].face.charToGlyph:
            return name
    return KOREAN if _is_korean(character) else None


def _is_korean(character: str) -> bool:
    try:
        character.encode("euc_kr")
    except UnicodeEncodeError:
        return False
    return True


def runs(text: str) -> list[tuple[str, str]]:
    """Return the text as pieces of one font each: (font, piece); unknown characters become question marks."""
    plain = "".join(character if character.isprintable() or character == "\n" else " " for character in text)
    known = [(font_of(character), character) for character in plain]
    shown = [(font, character) if font else (LATIN, UNKNOWN) for font, character in known]
    grouped = groupby(shown, key=lambda pair: pair[0])
    return [(font, "".join(character for _, character in pairs)) for font, pairs in grouped]


def markup(text: str, *, bold: bool = False) -> str:
    """Return text as ReportLab's markup, each piece in its font."""
    pieces = []
    for font, piece in runs(text):
        name = LATIN_BOLD if bold and font == LATIN else font
        pieces.append(f'<font name="{name}">{escape(piece)}</font>')
    return "".join(pieces).replace("\n", "<br/>")


def is_eastern(text: str) -> bool:
    """Return whether lines of the text break between any two characters."""
    return any(font in {CHINESE, KOREAN} for font, _ in runs(text))


def lacks(text: str) -> bool:
    """Return whether a character of the text is in no font."""
    return any(font_of(character) is None for character in text if character.isprintable())
