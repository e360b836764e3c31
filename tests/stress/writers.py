"""Many clients at once, and a worker killed with -9 again and again: is every answered estimate on record?"""

from __future__ import annotations

import http.client
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from simsvc.flows.audit.verify_log import verify
from simsvc.settings import Settings
from simsvc.store.audit.log import EventLog
from simsvc.store.database import Database
from simsvc.store.tables import EstimateRow
from simsvc.values.events import Verdict
from simsvc.web.app import create_app
from tests.servers import PATIENCE_S, children_of, running, send_photo
from tests.simsvc.web.programs import bearer
from tests.small_site import drawn_photo

PHOTOS = 8
"""Different photos that are sent in turn."""
AGAIN = (409, 429)
"""The same request is at work already, or too many came."""
PAUSE_S = 0.05
"""Before a request is sent again."""


@dataclass(frozen=True)
class Load:
    """How hard the service is pressed.

    Attributes:
        estimates: answers to wait for.
        clients: that ask at the same time.
        workers: processes that answer.
        kill_every_s: every so often one is killed with -9, if `kill_after` answers came since the last.
        kill_after: see there; a slow machine needs the time to start a worker anew.
    """

    estimates: int
    clients: int = 8
    workers: int = 3
    kill_every_s: float = 3.0
    kill_after: int = 10


@dataclass
class Outcome:
    """What became of it.

    Attributes:
        answers: id of the record by idempotency key, of every request that was answered.
        kills: workers killed.
        retries: requests that were sent again, because no answer came, or one that the same is at work.
        refused: what the service said to requests that it will not take.
        times_s: when each answer came, by the monotonic clock.
        reasons: how often requests were sent again, by what was said or happened.
    """

    answers: dict[str, str] = field(default_factory=dict)
    kills: int = 0
    retries: int = 0
    refused: list[str] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Findings:
    """What is on record afterwards.

    Attributes:
        records: estimates.
        lost: answered, but not on record.
        twice: idempotency keys with several records.
        verdict: on the log.
    """

    records: int
    lost: int
    twice: int
    verdict: Verdict


def press(settings: Settings, load: Load, folder: Path) -> Outcome:
    """Start the service, ask it from many threads, kill its workers, and return what was answered.

    Args:
        settings: of a whole installation with a migrated database.
        load: how hard.
        folder: for the server's log.
    """
    outcome, done = Outcome(), threading.Event()
    app = create_app(settings)
    headers = bearer(app, "estimate")
    app.extensions["simsvc"].database.close()
    photos = [drawn_photo(2000 + number) for number in range(PHOTOS)]
    with running(settings, folder / "server.log", load.workers) as server:
        killer = threading.Thread(target=_kill, args=(server.pid, load, outcome, done))
        share = [range(number, load.estimates, load.clients) for number in range(load.clients)]
        clients = [
            threading.Thread(target=_ask_all, args=(server.bind, numbers, photos, headers, outcome))
            for numbers in share
        ]
        for thread in (killer, *clients):
            thread.start()
        for thread in clients:
            thread.join()
        done.set()
        killer.join()
    return outcome


def find(database: Database, outcome: Outcome) -> Findings:
    """Look at what is on record."""
    with database.reading() as session:
        kept = set(session.scalars(select(EstimateRow.public_id)))
        names = select(EstimateRow.photo_name).group_by(EstimateRow.photo_name).having(func.count() > 1)
        twice = len(session.scalars(names).all())
    with EventLog(database).snapshot() as snapshot:
        verdict = verify(snapshot, lambda _done, _total: None)
    return Findings(len(kept), len(set(outcome.answers.values()) - kept), twice, verdict)


def _kill(master: int, load: Load, outcome: Outcome, done: threading.Event) -> None:
    choice, answered = random.Random(5), 0  # noqa: S311 - which worker dies is no secret
    while not done.wait(load.kill_every_s):
        workers = sorted(children_of(master))
        if len(outcome.answers) - answered < load.kill_after or not workers:
            continue
        os.kill(choice.choice(workers), signal.SIGKILL)
        outcome.kills, answered = outcome.kills + 1, len(outcome.answers)


def _ask_all(
    bind: str, numbers: range, photos: list[bytes], headers: Mapping[str, str], outcome: Outcome
) -> None:
    for number in numbers:
        if not ask_until_answered(bind, number, photos[number % len(photos)], headers, outcome):
            return


def ask_until_answered(
    bind: str,
    number: int,
    photo: bytes,
    headers: Mapping[str, str],
    outcome: Outcome,
    timeout_s: float = PATIENCE_S,
) -> bool:
    """Send a request again and again with the same idempotency key; return False once it is refused.

    Args:
        bind: host and port of the service.
        number: of the request, from which its key and the photo's name follow.
        photo: what is sent.
        headers: by which the client says who it is.
        outcome: what becomes of it is noted there.
        timeout_s: how long an answer is waited for.
    """
    key = key_of(number)
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        status, reason = 0, ""
        said: Any = None
        try:
            sent = {**headers, "Idempotency-Key": key}
            status, said = send_photo(bind, photo, sent, f"{key}.jpg", timeout_s=timeout_s)
        except (OSError, http.client.HTTPException) as error:  # whoever was to answer was killed or cut off
            reason = type(error).__name__
        except ValueError:  # the page of a proxy
            reason = "no JSON"
        if status == 201:
            outcome.answers[key] = str(said["id"])
            outcome.times_s.append(time.monotonic())
            return True
        outcome.reasons[reason or f"{status} {said.get('code')}"] += 1
        if status and status < 500 and status not in AGAIN:
            outcome.refused.append(str(said))
            return False
        outcome.retries += 1
        time.sleep(PAUSE_S)
    return False


def key_of(number: int) -> str:
    """Return the idempotency key of a request, which is the name of its photo too."""
    return f"key-{number:06}"
