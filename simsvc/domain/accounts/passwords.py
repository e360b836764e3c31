"""Rules for names and passwords, and the delay after failed attempts."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from itertools import pairwise

from simsvc.errors import NameRefused, PasswordRefused

LEAST_CHARACTERS = 12
"""Shortest password. NIST SP 800-63B, section 5.1.1.2, asks for 8 at least; OWASP's Application Security
Verification Standard 4.0, requirement 2.1.1, for 12."""
MOST_CHARACTERS = 128
"""Longest password, to keep hashing cheap. Source: OWASP ASVS 4.0, requirement 2.1.2."""
LEAST_DIFFERENT = 5
"""Passwords with fewer different characters are repetitive. NIST SP 800-63B, section 5.1.1.2, says to refuse
repetitive and sequential characters, without a figure."""
NAME_CHARACTERS = 64
ALLOWED_ATTEMPTS = 5
"""Failed attempts of one client before it must wait. Source: OWASP Authentication Cheat Sheet, "Account
Lockout"; NIST SP 800-63B, section 5.2.2, allows at most 100."""
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=1)
"""The wait doubles with each further failure."""

COMMON = frozenset(
    """
    password1234 password12345 password123456 passwordpassword passw0rd1234 p@ssw0rd1234 mypassword123
    adminadminadmin administrator administrator1 administrator123 changeme1234 changemechangeme welcome12345
    welcome123456 welcomewelcome letmein12345 letmeinletmein iloveyou1234 iloveyouiloveyou qwerty123456
    qwertyqwerty qwertyuiop12 qwertyuiop123 qwertyuiopasdf 1qaz2wsx3edc 1qaz2wsx3edc4rfv
    1q2w3e4r5t6y 1q2w3e4r5t6y7u zaq12wsxcde3 zaq1zaq1zaq1 asdfghjkl123 asdfghjklqwerty zxcvbnm12345
    zxcvbnmasdfghjkl abcd12345678 abc123456789 abcdef123456 a1b2c3d4e5f6 123456abcdef 123qweasdzxc
    football1234 baseball1234 princess1234 sunshine1234 superman1234 monkey123456 dragon123456 master123456
    trustno1trustno1 woaini1314520 woaini5201314 5201314woaini insurance123 underwriter12 underwriter123
    underwriting correcthorsebatterystaple summer202520 winter202520 spring202620 january2026! december2025!
    """.split()  # noqa: SIM905 - more readable than sixty pairs of quotes
)
"""Common passwords of at least `LEAST_CHARACTERS`: patterns from published lists of leaked passwords, and
words of this trade. Source: NIST SP 800-63B, section 5.1.1.2."""


def name_key(name: str) -> str:
    """Return a name in NFKC, trimmed and without case, so that no two accounts look alike."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def checked_name(name: str) -> str:
    """Return a new account's name, trimmed.

    Raises:
        NameRefused: it is empty, too long or has unprintable characters.
    """
    trimmed = unicodedata.normalize("NFKC", name).strip()
    if not trimmed or len(trimmed) > NAME_CHARACTERS or not trimmed.isprintable():
        raise NameRefused("length", most=NAME_CHARACTERS)
    return trimmed


def check_password(password: str, name: str) -> None:
    """Check a new password. Any characters are allowed; no mixture is required.

    Source: NIST SP 800-63B, section 5.1.1.2.

    Raises:
        PasswordRefused: it is short, long, common, repetitive, sequential, or contains the account's name.
    """
    if len(password) < LEAST_CHARACTERS:
        raise PasswordRefused("short", least=LEAST_CHARACTERS)
    if len(password) > MOST_CHARACTERS:
        raise PasswordRefused("long", most=MOST_CHARACTERS)
    if _easily_guessed(name_key(password), name_key(name)):
        raise PasswordRefused("common")


def _easily_guessed(folded: str, name: str) -> bool:
    holds_name = len(name) >= 3 and name in folded and len(folded) - len(name) < LEAST_CHARACTERS
    repeats = len(set(folded)) < LEAST_DIFFERENT
    return folded in COMMON or holds_name or "simsvc" in folded or repeats or _runs(folded)


def _runs(folded: str) -> bool:
    """Say whether most characters follow their neighbour, as in abcdefgh or 87654321."""
    steps = [ord(b) - ord(a) for a, b in pairwise(folded)]
    return max(steps.count(1), steps.count(-1)) > len(steps) * 2 // 3


def lock_after(failed: int) -> timedelta | None:
    """Return how long a client must wait after a number of failed attempts, or None."""
    if failed < ALLOWED_ATTEMPTS:
        return None
    doublings = min(failed - ALLOWED_ATTEMPTS, 10)
    return min(FIRST_LOCK * (1 << doublings), LONGEST_LOCK)
