"""What is killed and cut off, one after the other, and how long each takes to recover."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.cluster.hosts import Host
from tests.cluster.load import Load
from tests.helpers import wait_until

RECOVERY_S = 60.0
"""Longer than anything may take to recover without hands."""
CALM_S = 2.0
"""After a recovery, before the next damage."""
LASTS_S = 5.0
"""Of a cut, and from a kill to the start: longer than timeouts, so that it is noticed."""


@dataclass(frozen=True)
class Damage:
    """A host killed, or its link cut.

    Attributes:
        host: which.
        restart: starts what was killed; None: the link is cut.
        healthy: says whether all is well again.
        before: gets something going that is to be at work then.
    """

    host: Host
    restart: Callable[[], object] | None
    healthy: Callable[[], bool]
    before: Callable[[], None] = lambda: None

    @property
    def name(self) -> str:
        """Say what happens."""
        return f"{self.host.name} killed" if self.restart else f"{self.host.name} cut off"


@dataclass(frozen=True)
class Recovery:
    """How something recovered.

    Attributes:
        name: what had happened.
        gap_s: the longest time without any answer to any client from the damage to the recovery.
        back_s: from the repair until all was well; None: not in time.
    """

    name: str
    gap_s: float
    back_s: float | None


def run(damages: Sequence[Damage], load: Load, say: Callable[[str], None]) -> list[Recovery]:
    """Do the damage one after the other, each repaired and recovered from before the next."""
    recoveries = []
    for damage in damages:
        damage.before()
        load.begin_step()
        say(damage.name)
        recovery = _undergo(damage, load)
        recoveries.append(recovery)
        back = "NOT BACK" if recovery.back_s is None else f"back {recovery.back_s:.1f} s after the repair"
        say(f"{damage.name}: longest time without an answer {recovery.gap_s:.1f} s; {back}")
        time.sleep(CALM_S)
    load.begin_step()
    return recoveries


def _undergo(damage: Damage, load: Load) -> Recovery:
    began_s = time.monotonic()
    if damage.restart:
        damage.host.kill()
        time.sleep(LASTS_S)
        damage.restart()
    else:
        damage.host.cut()
        time.sleep(LASTS_S)
        damage.host.mend()
    repaired_s = time.monotonic()
    try:
        wait_until(lambda: _looked(damage.healthy) and load.answers_since(repaired_s), RECOVERY_S)
        back_s: float | None = time.monotonic() - repaired_s
    except TimeoutError:
        back_s = None
    return Recovery(damage.name, load.longest_gap_s(began_s, time.monotonic()), back_s)


def _looked(healthy: Callable[[], bool]) -> bool:
    time.sleep(0.2)  # the machine has other work
    return healthy()
