"""Signed cursors: where a page ended, bound to its search."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from itsdangerous import BadData, URLSafeSerializer

from simsvc.errors import CursorRefused

SALT = "simsvc cursor 1"
"""Keeps these signatures apart from those of sessions. Source: itsdangerous' documentation, "The Salt"."""


class Cursors:
    """Writes and reads signed cursors, each valid for the same search only."""

    def __init__(self, secret_key: str, searched: Mapping[str, object]) -> None:
        self._serializer = URLSafeSerializer(secret_key, salt=SALT)
        text = json.dumps(searched, sort_keys=True, default=str)
        self._search = hashlib.sha256(text.encode()).hexdigest()[:16]

    def write(self, last: int | None) -> str | None:
        """Return the cursor after the record with this number, or None after the last page."""
        return None if last is None else str(self._serializer.dumps([last, self._search]))

    def read(self, text: str | None) -> int | None:
        """Return the record number of a cursor, or None for the first page.

        Raises:
            CursorRefused: the cursor is forged or belongs to another search.
        """
        if text is None:
            return None
        try:
            last, search = self._serializer.loads(text)
        except (BadData, TypeError, ValueError):
            last, search = None, None
        if search != self._search or not isinstance(last, int):
            raise CursorRefused()
        return last
