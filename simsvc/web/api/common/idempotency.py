"""Idempotency-Key: a repeated request creates one record.

Source: IETF, draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import TypeVar

from flask import request
from sqlalchemy.orm import Session

from simsvc.errors import DecisionSuperseded, InputRefused, KeyTaken
from simsvc.store.database import InTransaction
from simsvc.values.access.requests import RequestKey
from simsvc.web.http.current import services
from simsvc.web.security.scopes import program

HEADER = "Idempotency-Key"
PATTERN = r"^[!-~]{1,128}$"
PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": PATTERN},
    "description": "A value that you choose, such as a UUID. Repeating a request with the same key returns "
    "the same result and creates nothing new; a different request with the same key is refused.",
}
Made = TypeVar("Made")


def request_key(asked: Callable[[], object]) -> RequestKey | None:
    """Return the key of the request, bound to what `asked` returns (called with a key only), or None.

    Raises:
        InputRefused: the key is not valid.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not re.fullmatch(PATTERN, key):
        raise InputRefused("key", fields={HEADER: "1 to 128 visible ASCII characters"})
    text = json.dumps([request.path, asked()], sort_keys=True, default=str)
    return RequestKey(program().id, key, hashlib.sha256(text.encode()).hexdigest())


def idempotent(
    key: RequestKey | None,
    make: Callable[[InTransaction | None], Made],
    again: Callable[[str], Made],
    position: int = 0,
) -> Made:
    """Create a record, or return the one that the same request created before.

    `make` calls its argument with the record's ID in the transaction that creates the record; `again` returns
    a record by its ID.

    Raises:
        KeyReused: the key was used for a different request.
    """
    if key is None:
        return make(None)
    kept, known = services().request_keys, key
    before = kept.result(key, position)
    if before is not None:
        return again(before)

    def in_transaction(session: Session, result: str) -> None:
        kept.note(session, known, position, result)

    try:
        return make(in_transaction)
    except (DecisionSuperseded, KeyTaken):  # perhaps a rival with the same key was faster
        before = kept.result(key, position)
        if before is None:
            raise
        return again(before)
