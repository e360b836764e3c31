"""A setting that cannot be used is one sentence, whatever was started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRONG = {
    "SIMSVC_THREADS": ("abc", "SIMSVC_THREADS is 'abc'"),
    "SIMSVC_BIND": ("here", "SIMSVC_BIND is 'here'"),
    "SIMSVC_RATE_STORAGE": ("foo://x", "The storage in SIMSVC_RATE_STORAGE is not available"),
    "DATABASE_URL": ("postgresql://host:port/name", "Check DATABASE_URL"),
}
"""One that each part of the start refuses: the settings, the limits of rates, the database."""
FLASK = [sys.executable, "-m", "flask", "--app", "simsvc.flask_app"]


def started(command: list[str], name: str, value: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SIMSVC_BIND": "127.0.0.1:0", "SIMSVC_WORKERS": "1"}
    environment |= {"SIMSVC_BATCH_WORKER": "0", name: value}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("words", [["--help"], ["check"]])
def test_any_command_says_one_sentence(words: list[str]) -> None:
    """Every command, and its help, ends with the sentence alone and status 1."""
    done = started([*FLASK, *words], "SIMSVC_THREADS", "abc")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "Error: SIMSVC_THREADS is 'abc', but must be a whole number from 1 to 64. Correct it and restart."
    ]


@pytest.mark.parametrize("name", [name for name in WRONG if name != "SIMSVC_THREADS"])
def test_any_wrong_setting_is_one_sentence(name: str) -> None:
    """Whichever part refuses a setting, the command prints its sentence alone."""
    value, sentence = WRONG[name]
    done = started([*FLASK, "user", "list"], name, value)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert sentence in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_a_server_does_not_start_with_it(name: str) -> None:
    """The server ends by itself and says the sentence, without a traceback."""
    value, sentence = WRONG[name]
    arguments = ["-c", "python:simsvc.web.gunicorn_conf", "simsvc.web.app:create_app()"]
    done = started([sys.executable, "-m", "gunicorn", *arguments], name, value)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
