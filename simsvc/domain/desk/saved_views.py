"""Rules for the names of saved views."""

from __future__ import annotations

import unicodedata

from simsvc.errors import ViewRefused

NAME_CHARACTERS = 40
"""Maximum length of a name; longer ones do not fit on a tab."""


def checked_view_name(text: str) -> str:
    """Return the name of a view with spaces normalised.

    Raises:
        ViewRefused: it is empty, too long or has unprintable characters.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise ViewRefused("name", most=NAME_CHARACTERS)
    return name
