"""Codes of the second factor: time-based codes and recovery codes.

Source: RFC 6238 (TOTP), with the parameters that every authenticator app knows: SHA-1, 6 digits, 30 seconds.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime

STEP_S = 30
"""Source: RFC 6238, section 5.2."""
DIGITS = 6
STEPS_AROUND = (0, -1, 1)
"""Steps whose codes are accepted, so that a clock may be half a minute wrong. RFC 6238, section 5.2,
recommends one step of delay; section 6 lets a verifier look ahead for clocks that run fast."""
SECRET_BYTES = 20
"""160 bits. Source: RFC 4226, section 4, requirement R6."""
RECOVERY_CODES = 10
RECOVERY_BYTES = 15
"""120 bits of entropy for each recovery code. Source: NIST SP 800-63B, section 5.1.2.2: from 112 bits on, a
digest may be kept without salt and slow hash."""
GROUP = 6


def step_of(now: datetime) -> int:
    """Return the time step that an instant is in."""
    return int(now.timestamp()) // STEP_S


def plain_code(typed: str) -> str:
    """Return a code as it is compared: without spaces and hyphens, in lower case."""
    return "".join(typed.split()).replace("-", "").lower()


def is_time_code(plain: str) -> bool:
    """Return whether it could be a time-based code; anything else is taken for a recovery code."""
    return len(plain) == DIGITS and plain.isascii() and plain.isdigit()


def recovery_code(random: bytes) -> str:
    """Return random bytes as a recovery code in groups, such as "abcdef-ghijkl-mnopqr-stuvwx"."""
    text = base64.b32encode(random).decode().rstrip("=").lower()
    return "-".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))


def code_sha256(plain: str) -> str:
    """Return the SHA-256 of a recovery code as `plain_code` gives it, in hex."""
    return hashlib.sha256(plain.encode()).hexdigest()
