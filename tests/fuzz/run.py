"""A small installation behind gunicorn, and schemathesis's command line against it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from simsvc.flows.estimate import estimate
from simsvc.settings import Settings
from simsvc.values import DecisionDraft, Declaration
from simsvc.web.app import create_app
from tests.simsvc.web.programs import token_text
from tests.small_site import drawn_photo

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120
CONFIG = Path(__file__).with_name("schemathesis.toml")
OF_RECORD = """
[[operations]]
include-name = ["GET /api/v1/estimates/{{public_id}}/crop", "POST /api/v1/estimates/{{public_id}}/decisions"]
parameters = {{ public_id = "{0}" }}
"""
OF_BUILD = """
[[operations]]
include-name = "GET /api/v1/indexes/{{index_name}}/{{build_id}}"
parameters = {{ index_name = "{0}", build_id = "{1}" }}
"""
CASES = re.compile(r"(\d[\d,]*) generated")


@contextmanager
def running(settings: Settings, log: Path, workers: int = 1) -> Iterator[str]:
    """Serve an installation by gunicorn as it is shipped, with rates that a test does not meet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        **os.environ,
        "SIMSVC_BUNDLE_DIR": str(settings.bundle_dir),
        "SIMSVC_INDEX_ROOT": str(settings.index_root),
        "SIMSVC_MODEL_ROOT": str(settings.model_root),
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "SIMSVC_BIND": bind,
        "SIMSVC_WORKERS": str(workers),
        "SIMSVC_BATCH_WORKER": "0",
        "SIMSVC_API_RATE": "9000000 per minute",
        "SIMSVC_UPLOAD_RATE": "9000000 per minute",
    }
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "python:simsvc.web.gunicorn_conf",
        "simsvc.web.app:create_app()",
    ]
    with log.open("wb") as file:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
        try:
            _await(f"http://{bind}", server)
            yield f"http://{bind}"
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(PATIENCE_S)


def furnish(settings: Settings, config: Path) -> str:
    """Put some records into an installation, and return a token that opens all of its API.

    What cannot be guessed is written into a configuration of schemathesis: a record with a crop, and a build.
    """
    app = create_app(settings)
    services = app.extensions["simsvc"]
    declared = Declaration("F-1")
    for data in (drawn_photo(71), drawn_photo(72), b"no photo"):
        made = estimate(data, "a.jpg", services.corridor(), declared=declared)
        services.decisions.add(
            made.id, DecisionDraft("refer", note="see the file"), "0" * 32, 0, services.now()
        )
    shown = estimate(drawn_photo(73), "b.jpg", services.corridor())
    name, _, build = str(shown.estimate.index).partition("/")
    config.write_text(CONFIG.read_text() + OF_RECORD.format(shown.id) + OF_BUILD.format(name, build))
    text = token_text(app)
    services.database.close()
    return text


def schemathesis(url: str, token: str, config: Path, arguments: Sequence[str]) -> tuple[int, str, int]:
    """Return schemathesis's exit status, what it wrote, and how many cases it made."""
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(config),
        "run",
        f"{url}/api/v1/openapi.json",
        "--header",
        f"Authorization: Bearer {token}",
        "--checks",
        "all",
        "--suppress-health-check",
        "all",
        "--no-color",
        *arguments,
    ]
    done = subprocess.run(command, cwd=config.parent, capture_output=True, text=True, check=False)
    written = done.stdout + done.stderr
    cases = CASES.findall(written)
    return done.returncode, written, sum(int(number.replace(",", "")) for number in cases)


def _await(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and server.poll() is None:
        try:
            with urlopen(f"{url}/healthz", timeout=5) as answer:  # noqa: S310 - the server just started
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("the server did not start; see its log")
