"""Records as PDF by ReportLab, with the reader's fonts: none is embedded.

Source: Adobe Technical Note 5014 for the character collections that the fonts below name.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Flowable, Image, Paragraph, SimpleDocTemplate, Spacer, Table

FONTS = (("Helvetica", "cp1252"), ("STSong-Light", "gbk"), ("HYSMyeongJo-Medium", "euc_kr"))
"""Fonts in order of preference, with the encoding of their characters."""
UNKNOWN = "?"
STYLE = ParagraphStyle("row", fontName="Helvetica", fontSize=9, leading=12, splitLongWords=1)
EASTERN = ParagraphStyle("eastern", parent=STYLE, wordWrap="CJK")
HEADING = ParagraphStyle("heading", parent=STYLE, fontSize=14, leading=19, wordWrap="CJK")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Content of the PDF, in the reader's language."""

    title: str
    lead: str
    rows: Sequence[tuple[str, str]]
    crop_png: bytes | None
    missing: str


def pdf(sheet: Sheet) -> bytes:
    """Return the sheet as PDF, with the same bytes for equal sheets."""
    for name, _ in FONTS[1:]:
        pdfmetrics.registerFont(UnicodeCIDFont(name))
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer, pagesize=A4, title="simsvc", invariant=1, leftMargin=18 * mm, rightMargin=18 * mm
    )
    story: list[Flowable] = [_text(sheet.title, HEADING), Spacer(1, 2 * mm), _text(sheet.lead)]
    if sheet.crop_png:
        story += [Spacer(1, 3 * mm), Image(io.BytesIO(sheet.crop_png), 38 * mm, 38 * mm, hAlign="LEFT")]
    story += [Spacer(1, 3 * mm), _table(sheet.rows)]
    texts = (sheet.title, sheet.lead, *(part for row in sheet.rows for part in row))
    if any(font_of(character) is None for text in texts for character in text):
        story += [Spacer(1, 3 * mm), _text(sheet.missing)]
    document.build(story)
    return buffer.getvalue()


def font_of(character: str) -> str | None:
    """Return the font for a character, or None; any font for a line break."""
    for name, encoding in FONTS:
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            continue
        return name
    return None


def _table(rows: Sequence[tuple[str, str]]) -> Table:
    cells = [[_text(label), _text(text)] for label, text in rows]
    table = Table(cells, colWidths=[48 * mm, 126 * mm])
    line = ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.lightgrey)
    table.setStyle([line, ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0)])
    return table


def _text(text: str, style: ParagraphStyle | None = None) -> Paragraph:
    fonts = [(font_of(character), character) for character in text]
    marked = "".join(
        _marked(font, "".join(character for _, character in run))
        for font, run in groupby(fonts, key=lambda pair: pair[0])
    )
    eastern = any(font not in {None, "Helvetica"} for font, _ in fonts)
    return Paragraph(marked, style or (EASTERN if eastern else STYLE))


def _marked(font: str | None, text: str) -> str:
    if font is None:
        return UNKNOWN * len(text)
    shown = escape("".join(c if c.isprintable() or c == "\n" else " " for c in text)).replace("\n", "<br/>")
    return shown if font == "Helvetica" else f'<font name="{font}">{shown}</font>'
