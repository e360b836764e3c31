from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.helpers import ROOT
from tests.servers import environment_of, running
from tests.small_site import drawn_photo, make_small_site

PAGE = ROOT / "docs" / "how-to" / "api.md"
SESSION = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.slow


def session_of_page(url: str) -> str:
    """Return the page's commands, with the address of another server."""
    found = SESSION.search(PAGE.read_text(encoding="utf-8"))
    assert found, "the page lacks the session"
    commands, replaced = re.subn(r"http://127\.0\.0\.1:8000(?=/api/v1)", url, found[1])
    assert replaced == 1
    return "set -eu -o pipefail\n" + commands


def flask_beside(folder: Path) -> None:
    """Make `.venv/bin/flask` of this Python in a folder."""
    script = folder / ".venv" / "bin" / "flask"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flask "$@"\n')
    script.chmod(0o755)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Run the page's own commands by bash and curl; return their folder and the documents they print."""
    folder = tmp_path_factory.mktemp("session")
    site, here = make_small_site(folder / "site"), folder / "here"
    here.mkdir()
    (here / "photo.jpg").write_bytes(drawn_photo())
    flask_beside(here)
    environment = environment_of(site, FLASK_APP="simsvc.flask_app", PYTHONPATH=str(ROOT))
    with running(site, folder / "log") as server:
        command = ["bash", "-c", session_of_page(server.url)]
        done = subprocess.run(command, check=False, cwd=here, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return here, printed(done.stdout)


def test_the_documented_estimate_and_replay(session: tuple[Path, list[dict[str, Any]]]) -> None:
    """The photo is estimated for its case, has a crop and neighbours, and its replay agrees."""
    here, (neighbours, *_) = session
    estimate, replay = (json.loads((here / name).read_text()) for name in ("estimate.json", "replay.json"))
    assert (estimate["status"], estimate["case"]) == ("estimated", "L-7")
    assert replay["agrees"] is True
    assert Image.open(here / "crop.png").size[0] > 0
    assert len(neighbours["items"]) > 0


def test_the_documented_decision_and_records(session: tuple[Path, list[dict[str, Any]]]) -> None:
    """The decision is on record, export and case have the one estimate, and the log fits."""
    here, (_, decision, cases, verdict) = session
    made = json.loads((here / "estimate.json").read_text())["id"]
    assert decision["kind"] == "refer"
    assert [json.loads(line)["id"] for line in (here / "estimates.jsonl").read_text().splitlines()] == [made]
    assert [found["id"] for found in cases["items"]] == [made]
    assert verdict["fits"] is True


def printed(text: str) -> list[dict[str, Any]]:
    """Return the JSON documents that stand one after another in a text."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found
