"""Strict reading of JSON request bodies."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from simsvc.errors import InputRefused, JsonRefused

MOST_DEPTH = 32
"""Maximum nesting of objects and lists; no route takes more than two levels."""
MOST_DIGITS = 64
"""Maximum digits of a whole number; no field takes more than nine. Python itself refuses 4,300."""


def read_json(data: bytes) -> Any:
    """Return the parsed body.

    Duplicate names, NaN and infinity, and lone surrogates are refused, because parsers treat them
    differently. Source: RFC 8259, sections 4, 6 and 8; RFC 7493 (I-JSON), section 2.

    Raises:
        InputRefused: the body is not JSON or not text.
        JsonRefused: the JSON has values that no field accepts.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputRefused("encoding") from None
    try:
        read = _DECODER.decode(text)
    except RecursionError:
        raise JsonRefused("depth", most=MOST_DEPTH) from None
    except json.JSONDecodeError as error:
        raise InputRefused("json", line=error.lineno, column=error.colno) from None
    _check(read)
    return read


def _check(read: Any) -> None:
    level, depth = [read], 0
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            raise JsonRefused("depth", most=MOST_DEPTH)
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                _check_text(value)
            elif isinstance(value, dict):
                for name in value:
                    _check_text(name)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        level = below


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InputRefused("surrogate") from None


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise JsonRefused("digits", most=MOST_DIGITS)
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JsonRefused("large")
    return number


def _constant(text: str) -> NoReturn:
    raise JsonRefused("not_a_number", text=text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonRefused("name_twice")
    return found


_DECODER = json.JSONDecoder(
    parse_int=_whole, parse_float=_real, parse_constant=_constant, object_pairs_hook=_unique
)
