"""What a form holds, kept while the person who sent it proves who they are, and then sent on."""

from __future__ import annotations

from flask import request

PASSWORD, CODE = "confirm_password", "confirm_code"
"""Fields of the page that asks for proof; they come with the rest of the form, and are not part of it."""
NOT_TYPED = ("csrf_token", PASSWORD, CODE)

Pairs = list[tuple[str, str]]


def kept_fields() -> Pairs:
    """Return the fields of the form at hand, in their order, without token and proof."""
    return [pair for pair in request.form.items(multi=True) if pair[0] not in NOT_TYPED]
