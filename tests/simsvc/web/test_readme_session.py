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

SESSION = re.compile(r"^## For programs\n.*?^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.slow


def session_of_readme(url: str) -> str:
    """Return README's commands, with the address of another server."""
    found = SESSION.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found, "README lacks the session"
    commands, replaced = re.subn(r"http://127\.0\.0\.1:8000(?=/api/v1)", url, found[1])
    assert replaced == 1
    return "set -eu -o pipefail\n" + commands


def flask_beside(folder: Path) -> None:
    """Make `.venv/bin/flask` of this Python in a folder."""
    script = folder / ".venv" / "bin" / "flask"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flask "$@"\n')
    script.chmod(0o755)


def test_the_session_in_readme_is_what_happens(tmp_path: Path) -> None:
    """README's own commands, run by bash and curl against the server, do all that they say."""
    site, here = make_small_site(tmp_path / "site"), tmp_path / "here"
    here.mkdir()
    (here / "photo.jpg").write_bytes(drawn_photo())
    flask_beside(here)
    environment = environment_of(site, FLASK_APP="simsvc.flask_app", PYTHONPATH=str(ROOT))
    with running(site, tmp_path / "log") as server:
        done = subprocess.run(
            ["bash", "-c", session_of_readme(server.url)],
            check=False,
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    estimate, replay = (json.loads((here / name).read_text()) for name in ("estimate.json", "replay.json"))
    assert (estimate["status"], estimate["case"]) == ("estimated", "L-7")
    assert replay["agrees"] is True
    lines = (here / "estimates.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [estimate["id"]]
    assert Image.open(here / "crop.png").size[0] > 0
    neighbours, decision, cases, verdict = printed(done.stdout)
    assert len(neighbours["items"]) > 0
    assert decision["kind"] == "refer"
    assert [found["id"] for found in cases["items"]] == [estimate["id"]]
    assert verdict["fits"] is True


def printed(text: str) -> list[dict[str, Any]]:
    """Return the JSON documents that stand one after another in a text."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found
