"""How guessing a password is slowed, so that nobody can keep the owner of an account out by guessing.

Failed attempts are counted for each account and each client. A client is a browser that opened the account
before, known by a cookie, or else the network that an attempt comes from. Each client waits longer after each
failure, and only that client: a guesser at one address does not hold up the owner at another, and nobody
holds up a browser that the owner uses.

Guesses from many networks are bounded together. Clients that never opened the account share `SHARED_MOST`
failures, of which `SHARED_AN_HOUR` come back each hour: at most 80 guesses in any hour. A known client has at
most 11 in its first hour, so that all together stay below 100. Beyond the first `SHARED_OPEN`, a network that
failed before is refused: what is left is for networks that come for the first time, such as the owner's.
Every count decays, so that nobody has to lift anything. An owner who is refused all the same, because
somebody has dozens of fresh networks an hour, gets in with a new one-time link.

Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies"; NIST SP 800-63B, section 5.2.2: at
most 100 consecutive failed attempts on one account, waiting times that grow, and a list of networks that the
owner signed in from, so that an attacker does not lock the owner out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from simsvc.domain.accounts.passwords import lock_after

FORGOTTEN_AN_HOUR = 1.0
"""Failures of one client that are forgotten in an hour: as many as the longest wait lets it add."""
SHARED_MOST = 60.0
"""Failures that all unknown clients of an account may have together; see above."""
SHARED_AN_HOUR = 20.0
"""How many of them are forgotten in an hour."""
SHARED_OPEN = 20.0
"""Up to here a network that failed before may try again, once its own wait is over."""
KNOWN_FOR = timedelta(days=90)
"""How long a client stays known after it last opened the account; no source gives a figure."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of one client of an account, or of all unknown ones together.

    Attributes:
        failed: failures as they stood at `failed_at`, those forgotten until then left out.
        failed_at: when the last one was counted, UTC, or None.
        succeeded_at: when the client last opened the account, UTC, or None.
    """

    failed: float = 0.0
    failed_at: datetime | None = None
    succeeded_at: datetime | None = None

    def left(self, now: datetime, forgotten_an_hour: float = FORGOTTEN_AN_HOUR) -> float:
        """Return how many failures still count."""
        if self.failed_at is None:
            return 0.0
        hours = max(timedelta(), now - self.failed_at) / timedelta(hours=1)
        return max(0.0, self.failed - hours * forgotten_an_hour)

    def known(self, now: datetime) -> bool:
        """Say whether the client opened the account not long ago."""
        return self.succeeded_at is not None and now - self.succeeded_at <= KNOWN_FOR

    def waits_until(self) -> datetime | None:
        """Return until when this client is refused, or None where it never was to wait."""
        pause = lock_after(round(self.failed))
        return self.failed_at + pause if pause and self.failed_at else None

    def counted(self, now: datetime, forgotten_an_hour: float = FORGOTTEN_AN_HOUR) -> Tally:
        """Return the same with one more failure."""
        return replace(self, failed=self.left(now, forgotten_an_hour) + 1, failed_at=now)

    def uncounted(self) -> Tally:
        """Return the same without the last failure, which was none."""
        return replace(self, failed=max(0.0, self.failed - 1))

    def worthless(self, now: datetime) -> bool:
        """Say whether nothing is lost with it."""
        return not self.known(now) and self.left(now) == 0


def may_try(client: Tally, shared: Tally, now: datetime) -> bool:
    """Say whether a client's password is to be judged.

    Args:
        client: its tally for this account.
        shared: that of all unknown clients of this account.
        now: the time, aware.
    """
    until = client.waits_until()
    if until is not None and now < until:
        return False
    if client.known(now):
        return True
    together = shared.left(now, SHARED_AN_HOUR)
    fresh = round(client.left(now)) == 0
    return together + 1 <= SHARED_MOST and (fresh or together < SHARED_OPEN)
