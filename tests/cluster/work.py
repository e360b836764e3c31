"""What goes on beside the estimates: batches are sent, labels of faces change, an index is built."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from subprocess import TimeoutExpired
from urllib.error import HTTPError

import psycopg

from tests.cluster.hosts import Host
from tests.cluster.servers import RAY_PORT
from tests.cluster.site import FLASK, Site, bearer
from tests.helpers import wait_until
from tests.servers import ask
from tests.small_site import drawn_photo
from tests.visitor import Visitor

BATCH = 24
"""Photos of one batch: a worker has a second's work or more."""
MANY = 200
"""Photos of a batch that outlasts what happens to a worker."""
PATIENCE_S = 60.0
PAUSE_S = 1.0
RELABEL_EVERY_S = 2.0
RELABELLED = 10
"""Faces whose label is changed in turn."""
BUILD_S = 300.0
ATTEMPTS = 4
"""Of the build: each goes on from what the ones before have embedded."""


@dataclass
class Batches:
    """Batches that a person sends, spread over a time."""

    visitor: Visitor
    database_url: str
    photos: int
    lasting_s: float
    sent: list[str] = field(default_factory=list)
    """Names of the photos that were taken in."""
    refused: list[str] = field(default_factory=list)
    retries: int = 0
    _many: int = 0

    def send_all(self, ending: threading.Event) -> None:
        """Send one batch after the other; each until it is taken in, by the same form."""
        pictures = [drawn_photo(5000 + number) for number in range(BATCH)]
        for number in range(max(1, self.photos // BATCH)):
            photos = {f"batch-{number:03}-{place:02}.jpg": each for place, each in enumerate(pictures)}
            if not self._send(photos, ending):
                return
            if ending.wait(self.lasting_s * BATCH / self.photos):
                return

    def send_many(self) -> None:
        """Send a batch that keeps the workers busy for some seconds, and wait until they are at it."""
        pictures = [drawn_photo(5000 + number) for number in range(BATCH)]
        self._many += 1
        photos = {f"batch-m{self._many}-{place:03}.jpg": pictures[place % BATCH] for place in range(MANY)}
        if self._send(photos, threading.Event()):
            wait_until(lambda: waiting_photos(self.database_url) < MANY - BATCH, PATIENCE_S)

    def catch(self, worker: Host) -> None:
        """Keep the workers busy, and freeze this one at a moment at which it has a photo."""
        self.send_many()
        query = f"SELECT count(*) FROM batch_photos WHERE leased_by LIKE '{worker.name}%'"  # noqa: S608

        def caught() -> bool:
            worker.freeze()
            if rows_of(self.database_url, query)[0][0]:
                return True
            worker.freeze(thaw=True)
            time.sleep(0.1)
            return False

        wait_until(caught, PATIENCE_S)

    def _send(self, photos: dict[str, bytes], ending: threading.Event) -> bool:
        hidden: dict[str, str] = {}
        while not ending.is_set():
            try:
                hidden = hidden or self.visitor.hidden("/batches")
                self.visitor.send_filled("/batches", "/batches", hidden, "photos", photos)
                self.sent += photos
                return True
            except HTTPError as error:
                if error.code < 500 and error.code != 429:
                    self.refused.append(f"{error.code} {error.read()[:300]!r}")
                    return False
            except (OSError, http.client.HTTPException):
                pass
            self.retries += 1
            time.sleep(PAUSE_S)
        return False


@dataclass
class FaceChanges:
    """Labels of faces that are changed again and again, each change sent until it is confirmed."""

    bind: str
    token: str
    face_ids: list[str]
    ages_years: dict[str, float] = field(default_factory=dict)
    """Of each face, as confirmed last."""
    changes: int = 0
    refused: list[str] = field(default_factory=list)

    def change_all(self, ending: threading.Event) -> None:
        """Change one label after the other until told to end; the last one is still confirmed."""
        number = 0
        while not ending.wait(RELABEL_EVERY_S):
            face_id = self.face_ids[number % len(self.face_ids)]
            age_years = float(1 + (7 * number) % 90)
            while not self._change(face_id, age_years):
                time.sleep(PAUSE_S)
            number += 1

    def _change(self, face_id: str, age_years: float) -> bool:
        body = f'{{"age_years": {age_years}}}'.encode()
        headers = bearer(self.token) | {"Content-Type": "application/json"}
        with suppress(OSError, ValueError, http.client.HTTPException):
            path = f"/api/v1/faces/{face_id}/label"
            status, said = ask(self.bind, "POST", path, body, headers, timeout_s=12.0)
            if status == 200:
                self.ages_years[face_id] = age_years
                self.changes += 1
                return True
            if status < 500 and status != 409:
                self.refused.append(str(said))
                return True
        return False


@dataclass
class WideBuild:
    """A build of an index by Ray's nodes, begun again, as an operator would, where it is broken off."""

    site: Site
    driver: Host
    say: Callable[[str], None]
    attempts: int = 0
    hits: int = 0
    """How often something happened to Ray's hosts while it was under way."""
    took_s: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)

    def note_hit(self) -> None:
        """Note that something is about to happen to Ray's hosts."""
        self.hits += not self.done.is_set()

    def is_over(self) -> bool:
        """Return whether it is built, or given up."""
        return self.done.is_set() or self.attempts > ATTEMPTS

    def build(self, ending: threading.Event) -> None:
        """Build until it succeeds."""
        ray = f"{self.driver.address}:{RAY_PORT}"
        words = ("index", "build", "--source", "folder", "--path", self.site.wide, "--name", "wide")
        began_s = time.monotonic()
        while self.attempts < ATTEMPTS and not ending.is_set():
            self.attempts += 1
            with suppress(TimeoutExpired):
                if self.driver.run(*FLASK, *words, "--ray", ray, timeout_s=BUILD_S).returncode == 0:
                    self.took_s = time.monotonic() - began_s
                    self.done.set()
                    self.say(f"the wide index is built after {self.took_s:.0f} s, attempt {self.attempts}")
                    return
            self.say(f"attempt {self.attempts} to build the wide index failed")
            time.sleep(PAUSE_S)
        self.attempts += 1


def waiting_photos(database_url: str) -> int:
    """Count the photos of batches that wait."""
    return int(rows_of(database_url, "SELECT count(*) FROM batch_photos WHERE status = 'waiting'")[0][0])


def rows_of(database_url: str, query: str) -> list[tuple[int | str, ...]]:
    """Ask the database from outside all hosts."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        return connection.execute(query.encode()).fetchall()
