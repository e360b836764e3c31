"""The documentation site builds offline, and its generated reference is complete."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from flask import Flask

from simsvc import cli
from simsvc.adapters.ops.metrics import exposition
from simsvc.domain.gallery.manifest import Manifest
from simsvc.errors import SimsvcError, every_error
from simsvc.flask_app import create_app
from simsvc.settings import Settings
from simsvc.web.traffic.access_log import GAUGES
from trainer.__main__ import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(set((ROOT / "docs").rglob("*.md")) - {ROOT / "docs/explanation/structure.md"})
"""All but the one that names folders of the past."""
FOREIGN = re.compile(r"""<(?:script|link|img|iframe)[^>]*\s(?:src|href)=["']?(?:https?:)?//""")
MODULE = re.compile(r"`((?:simsvc|trainer|tests|docs|requirements)/[\w./-]+)`")
README_LINES = 120


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; a warning, such as a dead link, fails."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app()


def page(site: Path, name: str) -> str:
    """Return the text of a page, without tags."""
    text = (site / name / "index.html").read_text(encoding="utf-8")
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def test_the_site_loads_nothing_from_the_network(site: Path) -> None:
    """No page asks for a script, a style, a font or a picture of another host."""
    found = [path for path in site.rglob("*.html") if FOREIGN.search(path.read_text(encoding="utf-8"))]
    assert found == []


STEP = re.compile(r"<p>[^<]*(?:<(?!/p>)[^<]*)*\n\d+\. ")
"""A step of a list that Markdown took for more of the paragraph above."""


def test_every_step_is_one_of_its_list(site: Path) -> None:
    """A numbered step after a paragraph has an empty line before it."""
    found = [path for path in site.rglob("*.html") if STEP.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_every_command_is_in_the_reference(site: Path) -> None:
    """Each `flask` command and each of its options has a line."""
    text = page(site, "reference/cli")
    app = Flask("empty")
    cli.register(app)
    for path, command in commands(app.cli, "flask"):
        assert path in text
        options = [option for each in command.params for option in each.opts if option.startswith("--")]
        assert [option for option in options if option not in text] == [], path


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_every_route_is_in_the_reference(site: Path, app: Flask) -> None:
    """Each rule of the application is listed."""
    text = page(site, "reference/http-api")
    assert [rule.rule for rule in app.url_map.iter_rules() if rule.rule not in text] == []


def test_every_setting_is_in_the_reference(site: Path) -> None:
    """Each environment variable is listed."""
    text = page(site, "reference/settings")
    assert [
        field.validation_alias
        for field in Settings.model_fields.values()
        if field.description and field.validation_alias not in text
    ] == []


def test_every_error_code_is_in_the_reference(site: Path) -> None:
    """Each class of the error tree is listed with its code."""
    text = page(site, "reference/errors")
    kinds = [kind for kind in every_error() if kind.__module__.startswith("simsvc.errors.")]
    kinds.remove(SimsvcError)
    assert len(kinds) > 50
    assert [kind for kind in kinds if kind.__name__ not in text or kind.code not in text] == []


def test_every_metric_is_in_the_reference(site: Path) -> None:
    """Whatever `/metrics` shows under a name of simsvc is listed."""
    text = page(site, "reference/metrics")
    shown = re.findall(r"^# TYPE (simsvc_\w+?)(?:_total|_created)? ", exposition({}).decode(), re.MULTILINE)
    assert len(shown) > 3
    assert [name for name in [*shown, *GAUGES] if name not in text] == []


def test_every_trainer_command_is_in_the_reference(site: Path) -> None:
    """Each command of the trainer is listed."""
    text = page(site, "reference/trainer")
    assert [name for name in COMMANDS if f"trainer {name}" not in text] == []


def test_every_key_of_model_json_is_explained(site: Path) -> None:
    """The page of model.json has every key of the shipped one."""
    text = page(site, "reference/model-json")
    keys = json.loads((ROOT / "simsvc/bundle/model/model.json").read_text(encoding="utf-8"))
    assert [key for key in keys if key not in text] == []


def test_every_key_of_a_manifest_is_explained(site: Path) -> None:
    """The page of index builds has every field of a manifest."""
    text = page(site, "reference/index-builds")
    flat = [field.name for field in fields(Manifest) if field.name != "facts"]
    assert [name for name in [*flat, "model", "sources", "skipped"] if name not in text] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_a_page_names_exist(path: Path) -> None:
    """A page that names a file of the project names one that is there."""
    named = MODULE.findall(path.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_readme_is_short() -> None:
    """README says what simsvc is and where to read on, and no more."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES
