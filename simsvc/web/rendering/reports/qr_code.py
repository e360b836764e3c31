"""QR codes as pictures for pages, through segno."""

from __future__ import annotations

import segno

SCALE = 5
"""Pixels of a module: the code of an otpauth: address has some 45 modules a side, about 240 px."""


def qr_code(text: str) -> str:
    """Return a QR code as the address of an SVG picture, black on white in either theme."""
    made = segno.make(text, error="m", micro=False)
    return str(made.svg_data_uri(scale=SCALE, dark="#000", light="#fff"))
