"""Delays against password guessing that cannot lock out the owner of an account.

Failed attempts are counted per account and client. A client is a browser that has signed in to the account
before, known by a cookie, or else a network. Each failure delays only that client: a guesser at one address
does not delay the owner at another address or in a known browser.

Guesses from many networks have a shared limit. Unknown clients share `SHARED_MOST` failures, of which
`SHARED_AN_HOUR` are forgotten each hour: at most 80 guesses in any hour. A known client has at most 11 in its
first hour, so the total stays below 100. After the first `SHARED_OPEN`, networks that failed before are
refused, which leaves the rest to new networks such as the owner's. All counts decay, so no manual unlock is
needed. An owner who is still refused, because an attacker has dozens of new networks an hour, can use a new
one-time link.

Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies"; NIST SP 800-63B, section 5.2.2: at
most 100 consecutive failed attempts on one account, waiting times that grow, and a list of networks that the
owner signed in from, so that an attacker does not lock the owner out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from simsvc.domain.accounts.passwords import lock_after

FORGOTTEN_AN_HOUR = 1.0
"""Failures of one client forgotten per hour: as many as the longest wait allows."""
SHARED_MOST = 60.0
"""Failures allowed to all unknown clients of an account together; see above."""
SHARED_AN_HOUR = 20.0
SHARED_OPEN = 20.0
"""Shared failures up to which a network that failed before may try again after its wait."""
KNOWN_FOR = timedelta(days=90)
"""How long a client stays known after its last sign-in."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Failures of one client of an account, or of all unknown clients together.

    Attributes:
        failed: failures at `failed_at`, without those forgotten by then.
        failed_at: time of the last failure, UTC, or None.
        succeeded_at: time of the client's last sign-in, UTC, or None.
    """

    failed: float = 0.0
    failed_at: datetime | None = None
    succeeded_at: datetime | None = None

    def left(self, now: datetime, forgotten_an_hour: float = FORGOTTEN_AN_HOUR) -> float:
        """Return the number of failures not yet forgotten."""
        if self.failed_at is None:
            return 0.0
        hours = max(timedelta(), now - self.failed_at) / timedelta(hours=1)
        return max(0.0, self.failed - hours * forgotten_an_hour)

    def known(self, now: datetime) -> bool:
        """Return whether the client signed in recently."""
        return self.succeeded_at is not None and now - self.succeeded_at <= KNOWN_FOR

    def waits_until(self) -> datetime | None:
        """Return when this client's wait ends, or None if it has none."""
        pause = lock_after(round(self.failed))
        return self.failed_at + pause if pause and self.failed_at else None

    def counted(self, now: datetime, forgotten_an_hour: float = FORGOTTEN_AN_HOUR) -> Tally:
        """Return the tally with one more failure."""
        return replace(self, failed=self.left(now, forgotten_an_hour) + 1, failed_at=now)

    def uncounted(self) -> Tally:
        """Return the tally without the last failure."""
        return replace(self, failed=max(0.0, self.failed - 1))

    def worthless(self, now: datetime) -> bool:
        """Return whether the tally can be deleted."""
        return not self.known(now) and self.left(now) == 0


def may_try(client: Tally, shared: Tally, now: datetime) -> bool:
    """Return whether a client's password may be checked, by its tally and that of all unknown clients."""
    until = client.waits_until()
    if until is not None and now < until:
        return False
    if client.known(now):
        return True
    together = shared.left(now, SHARED_AN_HOUR)
    fresh = round(client.left(now)) == 0
    return together + 1 <= SHARED_MOST and (fresh or together < SHARED_OPEN)
