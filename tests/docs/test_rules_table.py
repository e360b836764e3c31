"""Each rule of the table in "What the log proves" names pages, calls and commands that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from flask import Flask

from simsvc.settings import Settings
from tests.helpers import ROOT
from tests.simsvc.cli.helpers import command_app

PAGE = ROOT / "docs" / "explanation" / "what-the-log-proves.md"
RULES = [f"AI Act, Article {number}" for number in (12, 14, 19, 26, 86)] + ["GDPR, Article 17"]
ROWS = {
    cells[0].partition(":")[0]: cells[2:]
    for line in PAGE.read_text().splitlines()
    if (cells := [cell.strip() for cell in line.strip("|").split("|")])[0].startswith(("AI Act", "GDPR"))
}
PLACEHOLDER = re.compile(r"<[^>]+>|\b(?:ID|CASE)\b")


@pytest.fixture(scope="module")
def app(site: Settings) -> Iterator[Flask]:
    app = command_app(site)
    yield app
    app.extensions["simsvc"].database.close()


def test_every_rule_has_its_row() -> None:
    """Articles 12, 14, 19, 26 and 86 of the AI Act, and Article 17 of the GDPR."""
    assert list(ROWS) == RULES


@pytest.mark.parametrize("rule", RULES)
def test_calls_and_commands_exist(app: Flask, rule: str) -> None:
    """Each call is a route with this method, and each command is one with these options."""
    routes = {
        (method, PLACEHOLDER.sub("*", str(found)))
        for found in app.url_map.iter_rules()
        for method in found.methods or ()
    }
    named = re.findall(r"`([^`]+)`", " ".join(ROWS[rule]))
    calls = [tuple(PLACEHOLDER.sub("*", one).split(" ")) for one in named if not one.startswith("flask ")]
    assert calls
    assert set(calls) <= routes
    for words in (one.split()[1:] for one in named if one.startswith("flask ")):
        command: click.Command = app.cli
        while words and isinstance(command, click.Group):
            found = command.commands.get(words.pop(0))
            assert found is not None, words
            command = found
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("rule", RULES)
def test_pages_and_buttons_exist(rule: str) -> None:
    """Each name in bold is a text of the pages."""
    shown = "".join(path.read_text() for path in sorted((ROOT / "templates").rglob("*.html")))
    shown += "".join(path.read_text() for path in sorted((ROOT / "simsvc" / "web").rglob("*.py")))
    names = re.findall(r"\*\*([^*]+)\*\*", ROWS[rule][0])
    assert names
    assert [name for name in names if f"{name}<" not in shown and f'"{name}"' not in shown] == []
