"""Request fields as strict as the API document states."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields

WHOLE = re.compile(r"-?[0-9]{1,9}")
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
"""Source: RFC 3339, section 5.6."""
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Limits of instants: no record is outside them, and every database can store them."""
NO_CONTROL = r"^[^\x00-\x1f\x7f]+$"
"""One line of text; PostgreSQL cannot store NUL."""
NO_NUL = r"^[^\x00]*$"


class Whole(fields.Integer):
    """A whole number in a query, in ASCII digits."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not WHOLE.fullmatch(str(value)):
            raise ValidationError("Must be a whole number.")
        return int(value)


class Instant(fields.AwareDateTime):
    """An instant with its offset, such as 2026-02-28T09:00:00Z."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        match = INSTANT.fullmatch(str(value))
        if not match:
            raise ValidationError("Must be a date and time with offset, such as 2026-02-28T09:00:00Z.")
        try:
            return min(max(datetime.fromisoformat(str(value).upper()), FIRST), LAST).astimezone(UTC)
        except OverflowError:
            return FIRST if str(value) < "2" else LAST
        except ValueError:
            if str(value).startswith("0000"):
                return FIRST
            raise ValidationError("This date or time does not exist.") from None


class Text(fields.String):
    """One line of text."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, *args, **kwargs))
        if not text.isprintable() and re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
            raise ValidationError("Must be one line without control characters.")
        return text


class Paragraphs(fields.String):
    """Text of any number of lines that every database can store."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, *args, **kwargs))
        if re.search(r"[\x00\ud800-\udfff]", text):
            raise ValidationError("Must be text without NUL and lone surrogates.")
        return text
