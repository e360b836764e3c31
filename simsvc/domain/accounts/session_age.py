"""How long a session lasts, and how long proof of identity counts as recent."""

from __future__ import annotations

from datetime import datetime, timedelta

LONGEST = timedelta(hours=12)
"""A session ends then, however busy. Source: NIST SP 800-63B, section 4.2.3, which also asks for an end after
30 minutes without use: the default of `Settings.idle_minutes`."""
RECENT = timedelta(minutes=15)
"""How long proof of identity counts for sensitive acts. Source: NIST SP 800-63B, section 4.3.3, asks for
reauthentication after 15 minutes; OWASP ASVS 4.0, requirement 3.7.1, for reauthentication before sensitive
transactions, without a figure."""
HALF_WAY = timedelta(minutes=10)
"""How long a sign-in may take between its steps: from password to code, or to the OpenID provider and back.
Source: OWASP ASVS 4.0, requirement 2.7.2, has out-of-band codes expire after 10 minutes."""
SEEN_EVERY = timedelta(minutes=1)
"""How stale the recorded time of last use may get, so that few requests write."""


def is_recent(authenticated_at: datetime, now: datetime) -> bool:
    """Return whether proof of identity is recent enough for a sensitive act."""
    return now - authenticated_at < RECENT
