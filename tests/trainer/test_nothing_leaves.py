"""The promise "Nothing leaves the machine", kept by the trainer."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import trainer
from tests.small_site import draw_gallery
from tests.tiny_bundle import make_tiny_bundle
from tests.tracing import bare_environment, new_files, seen, traced

FONT_CACHE = Path("/var/cache/fontconfig")
"""The system's own: Matplotlib asks `fc-list` for its fonts, which renews it where it may."""

pytestmark = pytest.mark.slow


@pytest.mark.proof
def test_the_trainer_writes_and_connects_nowhere_else(tmp_path: Path) -> None:
    """All of its modules with all of their libraries, and an evaluation, leave traces under work/ only."""
    bundle = make_tiny_bundle(tmp_path / "bundle")
    folder = draw_gallery(tmp_path / "faces", 6)
    evaluation = ["evaluate", "--source", "folder", "--path", str(folder), "--bundle", str(bundle)]
    everything = [
        module.name
        for module in pkgutil.walk_packages(trainer.__path__, "trainer.")
        if module.name != "trainer.__main__"
    ]
    script = f"""
import importlib
for name in {everything}:
    importlib.import_module(name)
from matplotlib import pyplot
from trainer.__main__ import main
raise SystemExit(main({evaluation}))
"""
    home = tmp_path / "home"
    command = traced([sys.executable, "-W", "ignore", "-c", script], tmp_path / "log")
    done = subprocess.run(
        command, env=bare_environment(home), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = seen(tmp_path / "log", tmp_path)
    assert found.look_ups == set()
    assert found.foreign() == set()
    assert found.outside(tmp_path / "work", tmp_path / "tmp", FONT_CACHE) == set()
    assert new_files(home) == new_files(tmp_path / "tmp") == []
