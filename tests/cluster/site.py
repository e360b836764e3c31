"""simsvc on these hosts: its settings, its first build and accounts, and how each process is started."""

from __future__ import annotations

import http.client
import json
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess, Popen
from typing import Any

from PIL import ImageEnhance

from tests.cluster.hosts import Host
from tests.cluster.servers import BUCKET, RAY_ACCESS, S3_KEY, S3_SECRET, WEB_PORT
from tests.drawn_faces import draw_face
from tests.helpers import wait_until
from tests.servers import ask
from tests.small_site import draw_gallery
from tests.tiny_bundle import make_tiny_bundle
from tests.visitor import Visitor

PATIENCE_S = 120.0
LOOK_EVERY_S = 0.3
PASSWORD = "seven grey herons wade"  # noqa: S105 - of an account that lives as long as the run
SECRET_KEY = "a key for a run, long enough to sign with"  # noqa: S105 - likewise
SIGN_INS = 20
"""Sign-ins a minute from one address, by which the shared rate is measured."""
GALLERY_FACES = 60
WIDE_FACES = 1_200
"""Photos of the build by Ray: half a minute's work on two cores that have other work too."""
DRAWN_ANEW = 40
"""Drawings among them; the others are those in other colours, which is done in a tenth of the time."""


@dataclass
class Site:
    """An installation.

    Attributes:
        folder: of the model and of photos, which every host has.
        database_url: of PostgreSQL.
        redis_url: of Redis.
        s3_url: of the object store.
        label: of the first build.
        token: of the API's clients, which may do everything.
    """

    folder: Path
    database_url: str
    redis_url: str
    s3_url: str
    label: str = ""
    token: str = ""

    @property
    def gallery(self) -> Path:
        """Return the folder of the reference photos of the first build."""
        return self.folder / "gallery"

    @property
    def wide(self) -> Path:
        """Return the folder of the reference photos that Ray's nodes embed."""
        return self.folder / "wide"

    def furnish(self) -> None:
        """Draw photos and make a model; a site needs no host for that."""
        make_tiny_bundle(self.folder / "model")
        draw_gallery(self.gallery, GALLERY_FACES)
        _draw_wide(self.wide, WIDE_FACES)

    def settle(self, host: Host) -> None:
        """Give a host the settings of the installation."""
        own = host.folder
        host.environment |= {
            "SIMSVC_BUNDLE_DIR": str(self.folder / "model"),
            "SIMSVC_INDEX_ROOT": str(own / "indexes"),
            "SIMSVC_MODEL_ROOT": str(own / "models"),
            "SIMSVC_BATCH_DIR": str(own / "batches"),
            "SIMSVC_IMPORT_DIR": str(own / "imports"),
            "DATABASE_URL": self.database_url,
            "SECRET_KEY": SECRET_KEY,
            "SIMSVC_LOG_KEY_FILE": str(own / "keys" / "log-key.pem"),
            "SIMSVC_RATE_STORAGE": self.redis_url,
            "SIMSVC_BIND": f"{host.address}:{WEB_PORT}",
            "SIMSVC_WORKERS": "2",
            "SIMSVC_BATCH_WORKER": "0",
            "SIMSVC_PROXIES": "1",
            "SIMSVC_SIGN_IN_RATE": f"{SIGN_INS} per minute",
            "SIMSVC_API_RATE": "9000000 per minute",
            "SIMSVC_UPLOAD_RATE": "9000000 per minute",
            "SIMSVC_LOG": "text",
            "SIMSVC_OBJECTS": f"s3://{BUCKET}/site",
            "SIMSVC_OBJECTS_ENDPOINT": self.s3_url,
            "SIMSVC_CACHE_DIR": str(own / "cache"),
            "AWS_ACCESS_KEY_ID": S3_KEY,
            "AWS_SECRET_ACCESS_KEY": S3_SECRET,
        }
        host.environment |= RAY_ACCESS

    def share_log_key(self, first: Host, others: Sequence[Host]) -> None:
        """Give every host the key that signs the log, as an operator does."""
        for host in others:
            key = Path(host.environment["SIMSVC_LOG_KEY_FILE"])
            key.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
            shutil.copy2(first.environment["SIMSVC_LOG_KEY_FILE"], key)

    def prepare(self, host: Host) -> None:
        """Migrate the database, build the first index and make the log's key, by commands on this host."""
        flask(host, "db", "upgrade")
        flask(host, "index", "build", "--source", "folder", "--path", self.gallery, "--name", "demo")
        flask(host, "audit", "key")

    def furnish_access(self, host: Host) -> None:
        """Make the clients' token, and ask what is in service, on a host that answers."""
        every = ("--scope", "estimate", "--scope", "audit", "--scope", "admin")
        self.token = flask(host, "token", "create", "clients", *every).stdout.strip()
        self.label = str(ask_with(self.token, host, "GET", "/api/v1/indexes")[1]["items"][0]["label"])


def _draw_wide(folder: Path, faces: int) -> None:
    """Write photos of other faces than the first build's, so that changes of those do not concern them."""
    folder.mkdir()
    drawings = [draw_face(9000 + number) for number in range(DRAWN_ANEW)]
    with (folder / "labels.csv").open("w") as table:
        table.write("file,age\n")
        for number in range(faces):
            shade = 1.0 - 0.4 * number / faces
            picture = ImageEnhance.Color(drawings[number % DRAWN_ANEW]).enhance(shade)
            picture.save(folder / f"wide-{number:04}.jpg", quality=92)
            table.write(f"wide-{number:04}.jpg,{1 + number % 90}\n")


def start_web(host: Host) -> Popen[bytes]:
    """Start the web server of a host as it is shipped."""
    words = ("-m", "gunicorn", "-c", "python:simsvc.web.gunicorn_conf", "simsvc.web.app:create_app()")
    return host.start("web", sys.executable, *words)


def start_batch_worker(host: Host) -> Popen[bytes]:
    """Start the batch worker of a host as operators do."""
    return host.start("batch", *FLASK, "batch", "work")


FLASK = (sys.executable, "-m", "flask", "--app", "simsvc.flask_app")


def flask(host: Host, *words: str | Path, timeout_s: float = 120.0) -> CompletedProcess[str]:
    """Run a command of simsvc on a host; fail, saying what it said, where it does."""
    done = host.run(*FLASK, *words, timeout_s=timeout_s)
    assert done.returncode == 0, (
        f"{host.name}: flask {' '.join(map(str, words))}: {done.stderr or done.stdout}"
    )
    return done


def bind_of(host: Host) -> str:
    """Return where the web server of a host answers, past the proxy."""
    return f"{host.address}:{WEB_PORT}"


def is_ready(host: Host) -> bool:
    """Return whether a web host says that it can answer estimates."""
    with suppress(OSError, ValueError, http.client.HTTPException):
        return ask(bind_of(host), "GET", "/readyz", timeout_s=3.0)[0] == 200
    return False


def wait_ready(host: Host) -> None:
    """Wait until a web host answers."""

    def looked() -> bool:
        time.sleep(LOOK_EVERY_S)  # the machine has other work
        return is_ready(host)

    wait_until(looked, PATIENCE_S)


def bearer(token: str) -> dict[str, str]:
    """Return the header of a program's requests."""
    return {"Authorization": f"Bearer {token}"}


def ask_with(token: str, host: Host, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Send a request of a program to one host, past the proxy, and return status and body of the answer."""
    data = None if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    return ask(bind_of(host), method, path, data, bearer(token) | kind, timeout_s=30.0)


def sign_up(host: Host, bind: str) -> Visitor:
    """Make an administrator's account on a host, and return the administrator, signed in by `bind`."""
    said = flask(host, "user", "add", "boss", "--role", "admin", "--url", f"http://{bind}").stdout
    invitation = f"/welcome/{said.rpartition('/welcome/')[2].strip()}"
    visitor = Visitor(f"http://{bind}", timeout_s=30.0)
    visitor.send(invitation, invitation, {"new": PASSWORD, "again": PASSWORD, "password": PASSWORD})
    return visitor
