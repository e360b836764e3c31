"""A small installation behind gunicorn, and schemathesis's command line against it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.values import DecisionDraft, Declaration
from simsvc.web.app import create_app
from tests.simsvc.web.programs import token_text
from tests.small_site import drawn_photo

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


def furnish(settings: Settings, config: Path) -> str:
    """Put some records into an installation, and return a token that opens all of its API.

    What cannot be guessed is written into a configuration of schemathesis: a record with a crop, and a build.
    """
    app = create_app(settings)
    services = app.extensions["simsvc"]
    declared = Declaration("F-1")
    for data in (drawn_photo(71), drawn_photo(72), b"no photo"):
        made = estimate(data, "a.jpg", services.pipeline(), declared=declared)
        services.decisions.add(
            made.id, DecisionDraft("refer", note="see the file"), "0" * 32, 0, services.now()
        )
    shown = estimate(drawn_photo(73), "b.jpg", services.pipeline())
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
