"""Rules for an account's team and mail address."""

from __future__ import annotations

import re
import unicodedata

from simsvc.errors import ContactRefused

TEAM_CHARACTERS = 64
MAIL_CHARACTERS = 254
"""Longest address. Source: RFC 5321, section 4.5.3.1.3: a path has at most 256 octets with its brackets."""
MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
"""Source: HTML, "valid e-mail address"; no header can be injected with these characters."""


def checked_team(text: str) -> str | None:
    """Return the name of a team with spaces normalised, or None if empty.

    Raises:
        ContactRefused: it is too long or has unprintable characters.
    """
    team = " ".join(unicodedata.normalize("NFC", text).split())
    if len(team) > TEAM_CHARACTERS or not team.isprintable():
        raise ContactRefused("team", most=TEAM_CHARACTERS)
    return team or None


def checked_mail(text: str) -> str | None:
    """Return a mail address, or None if empty.

    Raises:
        ContactRefused: it is none.
    """
    address = text.strip()
    if address and (len(address) > MAIL_CHARACTERS or not MAIL.fullmatch(address)):
        raise ContactRefused("mail")
    return address or None
