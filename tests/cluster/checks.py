"""What must be so after all of it; each check returns what it found, or raises Failed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from simsvc.store.database import Database
from tests.cluster.hosts import Host
from tests.cluster.load import Load
from tests.cluster.site import FLASK, Site, ask_with, bearer, bind_of, flask
from tests.cluster.timetable import Recovery
from tests.cluster.work import Batches, FaceChanges, WideBuild, rows_of, waiting_photos
from tests.helpers import wait_until
from tests.servers import send_photo
from tests.small_site import drawn_photo
from tests.stress.writers import PHOTOS, find, key_of

FINISH_S = 180.0
ROUNDS = 5


class Failed(Exception):
    """A check found what must not be."""


@dataclass
class Run:
    """What the checks look at.

    Attributes:
        site: the installation.
        web: its two web hosts, A and B.
        proxy: host and port of the proxy.
        load: the estimates, or None where only checks are run.
    """

    site: Site
    web: tuple[Host, Host]
    proxy: str
    load: Load | None = None
    batches: Batches | None = None
    changes: FaceChanges | None = None
    build: WideBuild | None = None
    recoveries: Sequence[Recovery] = field(default_factory=tuple)

    @property
    def token(self) -> str:
        """Return a token that may do everything."""
        return self.site.token


Check = Callable[[Run], str]


def need(condition: object, words: str) -> None:
    """Fail with these words unless a condition holds."""
    if not condition:
        raise Failed(words)


def records(run: Run) -> str:
    """Every answered request is on record, once."""
    assert run.load
    outcome, wanted = run.load.outcome, run.load.estimates
    database = Database(run.site.database_url)
    found = find(database, outcome)
    database.close()
    words = (
        f"{len(outcome.answers)} of {wanted} answered, {outcome.retries} sent again; {found.lost} lost, "
        f"{found.twice} names with several records; {found.verdict.events} events"
    )
    need(len(outcome.answers) == wanted and not outcome.refused, f"{words}; refused: {outcome.refused[:3]}")
    need(not found.lost and not found.twice and found.verdict.broken is None, words)
    return words


def answers(run: Run) -> str:
    """Whatever could not be answered said so in a typed way: never 500."""
    assert run.load
    reasons = run.load.outcome.reasons
    words = ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common()) or "none sent again"
    need(not any(reason.startswith("500") for reason in reasons), words)
    return words


def audit(run: Run) -> str:
    """The log fits, as a command on host B says."""
    done = run.web[1].run(*FLASK, "audit", "verify")
    words = (done.stdout + done.stderr).strip().splitlines()[-1:]
    need(done.returncode == 0, " ".join((done.stdout + done.stderr).split())[-600:])
    return words[0]


def batches(run: Run) -> str:
    """Every photo of the batches is judged, once."""
    assert run.batches
    url, sent = run.site.database_url, set(run.batches.sent)
    need(not run.batches.refused, f"refused: {run.batches.refused[:2]}")
    try:
        wait_until(lambda: not waiting_photos(url), FINISH_S)
    except TimeoutError:
        raise Failed(f"{waiting_photos(url)} photos still wait after {FINISH_S:.0f} s") from None
    judged = rows_of(
        url, "SELECT photo_name, count(*) FROM estimates WHERE photo_name LIKE 'batch-%' GROUP BY 1"
    )
    states = rows_of(url, "SELECT status, count(*) FROM batch_photos GROUP BY 1")
    twice = [name for name, count in judged if count != 1]
    words = f"{len(sent)} photos sent, {run.batches.retries} uploads sent again; states {dict(states)}"  # type: ignore[arg-type]
    need({name for name, _ in judged} == sent, f"{words}; {len(judged)} on record")
    need(not twice, f"{words}; judged twice: {twice[:5]}")
    again = rows_of(url, "SELECT count(*) FROM batch_photos WHERE attempts > 1")[0][0]
    need(again, "the worker that was killed had no photo")
    return f"{words}; {again} begun more than once"


def faces(run: Run) -> str:
    """Both hosts know every face by the label that was confirmed last."""
    assert run.changes
    need(not run.changes.refused, f"refused: {run.changes.refused[:2]}")
    for host in run.web:
        for face_id, photo in gallery_faces(run, host, len(run.changes.face_ids)):
            known = {near["face_id"]: near["age_years"] for near in neighbours(run, host, photo)}
            wanted = run.changes.ages_years.get(face_id)
            need(
                wanted in {None, known[face_id]}, f"{host.name}: {face_id} is {known[face_id]}, not {wanted}"
            )
    return f"{run.changes.changes} changes, the last of {len(run.changes.ages_years)} faces on both hosts"


def build(run: Run) -> str:
    """Ray's build has the bytes of a build by one host alone, and host B can verify it."""
    assert run.build
    need(run.build.done.is_set(), f"not built in {run.build.attempts} attempts")
    need(run.build.hits, "it was built before a node was killed")
    alone = run.site.folder / "alone"
    environment = {
        "DATABASE_URL": f"sqlite:///{alone / 'simsvc.sqlite3'}",
        "SIMSVC_INDEX_ROOT": str(alone / "indexes"),
        "SIMSVC_MODEL_ROOT": str(alone / "models"),
        "SIMSVC_LOG_KEY_FILE": str(alone / "keys" / "log-key.pem"),
        "SIMSVC_OBJECTS": "",
    }
    words = ("index", "build", "--source", "folder", "--path", run.site.wide, "--name", "wide")
    for command in (("db", "upgrade"), words):
        done = run.web[0].run(*FLASK, *command, timeout_s=300.0, **environment)
        need(done.returncode == 0, done.stderr[-300:])
    (folder,) = (alone / "indexes" / "wide").glob("b-*")
    label = f"wide/{folder.name}"
    status, said = ask_with(run.token, run.web[1], "GET", f"/api/v1/indexes/{label}")
    need(status == 200, f"the build of one host is {label}, which host B does not know: {said}")
    hashes = {name: _sha256(folder / name) for name in said["files"]}
    need(hashes == {name: each["sha256"] for name, each in said["files"].items()}, f"{label} has other bytes")
    flask(run.web[1], "index", "verify", label)
    return (
        f"{label}: {len(hashes)} files alike; {run.build.took_s:.0f} s, {run.build.attempts} attempts, "
        f"hit {run.build.hits} times"
    )


def parts(run: Run) -> str:
    """Every part is well again, as a command on each web host says."""
    for host in run.web:
        done = host.run(*FLASK, "check")
        need(done.returncode == 0, f"{host.name}: {' '.join(done.stdout.split())[-500:]}")
    return f"{len(done.stdout.splitlines())} lines, all of them good"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def erasure(run: Run) -> str:
    """What is erased on one host is not seen on the other at the next request."""
    for number in range(ROUNDS):
        first, second = run.web[number % 2], run.web[(number + 1) % 2]
        made = estimated(run, first, drawn_photo(7000 + number))
        path = f"/api/v1/estimates/{made['id']}"
        need(ask_with(run.token, second, "GET", path)[0] == 200, f"{second.name} does not know the record")
        need(ask_with(run.token, first, "POST", f"{path}/erasure")[0] == 200, "not erased")
        status = ask_with(run.token, second, "GET", path)[0]
        need(status == 410, f"{second.name} answers {status} after the record was erased on {first.name}")
    for number, (face_id, photo) in enumerate(gallery_faces(run, run.web[1], ROUNDS, start=20)):
        first, second = run.web[number % 2], run.web[(number + 1) % 2]
        need(face_id in _near_ids(run, second, photo), f"{second.name} does not find {face_id}")
        status, said = ask_with(run.token, first, "POST", f"/api/v1/faces/{face_id}/erasure")
        need(status == 200, f"the face was not erased: {said}")
        need(face_id not in _near_ids(run, second, photo), f"{second.name} still finds {face_id}")
    return f"{ROUNDS} records and {ROUNDS} faces, on each host in turn"


def replay(run: Run) -> str:
    """Records that one host made are replayed alike on the other."""
    first, second = run.web
    known = [
        (estimated(run, first, drawn_photo(7100 + each))["id"], drawn_photo(7100 + each))
        for each in range(ROUNDS)
    ]
    if run.load:  # records of the time of kills and cuts, and of other labels
        step = max(1, run.load.estimates // ROUNDS)
        known += [
            (run.load.outcome.answers[key_of(number)], drawn_photo(2000 + number % PHOTOS))
            for number in range(0, run.load.estimates, step)
        ]
    for public_id, photo in known:
        path = f"/api/v1/estimates/{public_id}/replay"
        status, said = send_photo(bind_of(second), photo, bearer(run.token), path=path)
        need(status in {200, 201} and said.get("agrees"), f"{public_id}: {status} {said}")
    return f"{len(known)} records agree"


def estimated(run: Run, host: Host, photo: bytes) -> dict[str, Any]:
    """Have a host judge a photo, and return the answer."""
    status, said = send_photo(bind_of(host), photo, bearer(run.token), f"check-{uuid4().hex}.jpg")
    need(status == 201, f"{host.name} answers {status}: {said}")
    return dict(said)


def neighbours(run: Run, host: Host, photo: bytes) -> list[dict[str, Any]]:
    """Return the faces near a photo, as a host finds them now."""
    found: list[dict[str, Any]] = estimated(run, host, photo)["neighbours"]
    return found


def gallery_faces(run: Run, host: Host, count: int, start: int = 0) -> list[tuple[str, bytes]]:
    """Return ids and photos of faces of the gallery: each is the one nearest to its own photo."""
    files = sorted(run.site.gallery.glob("*.jpg"))[start : start + count]
    return [
        (str(neighbours(run, host, file.read_bytes())[0]["face_id"]), file.read_bytes()) for file in files
    ]


def _near_ids(run: Run, host: Host, photo: bytes) -> set[object]:
    return {near["face_id"] for near in neighbours(run, host, photo)}


def recoveries(run: Run) -> str:
    """Everything recovered without hands."""
    late = [each.name for each in run.recoveries if each.back_s is None]
    need(not late, f"not back: {', '.join(late)}")
    slowest = max(run.recoveries, key=lambda each: each.back_s or 0.0)
    longest = max(run.recoveries, key=lambda each: each.gap_s)
    return (
        f"{len(run.recoveries)} times; slowest {slowest.back_s:.1f} s ({slowest.name}); "
        f"longest without an answer {longest.gap_s:.1f} s ({longest.name})"
    )
