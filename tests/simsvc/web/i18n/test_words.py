"""Dead words and what to say instead, held against everything that a person reads."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from simsvc.settings import Settings
from simsvc.web.i18n.command import read_catalogue
from tests.simsvc.web.i18n.helpers import INSTEAD, dead_words

ROOT = Path(__file__).parents[4]


def templates() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "templates").rglob("*.html")):
        yield path.name, re.sub(r'(?s){#.*?#}|class="[^"]*"', "", path.read_text(encoding="utf-8"))


def messages() -> Iterator[tuple[str, str]]:
    """Give what pages say themselves in English, and every Chinese translation."""
    for message in read_catalogue("zh_Hans"):
        if not message.id:
            continue
        english, chinese = (
            " ".join([text] if isinstance(text, str) else text) for text in (message.id, message.string)
        )
        yield english, chinese
        yield english, english


def commands() -> Iterator[tuple[str, str]]:
    """Give every text in the code of the commands: help, questions, output."""
    for path in sorted((ROOT / "simsvc" / "cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{path.name}:{node.lineno}", node.value


def settings() -> Iterator[tuple[str, str]]:
    """Give the description of every setting, which the reference shows."""
    for name, field in Settings.model_fields.items():
        yield name, field.description or ""


@pytest.mark.parametrize("source", [templates, messages, commands, settings])
def test_no_dead_word_is_read_by_a_person(source: type[Iterator[tuple[str, str]]]) -> None:
    """Pages, their messages in both languages, commands and settings use the words of today."""
    assert [(place, {word: INSTEAD[word]}) for place, text in source() for word in dead_words(text)] == []


def test_the_api_document_has_no_dead_word(app: Flask) -> None:
    """Summaries and descriptions of the API use the words of today."""
    assert dead_words(json.dumps(app.extensions["simsvc-document"](), ensure_ascii=False)) == []


@pytest.mark.parametrize("word", INSTEAD)
def test_a_dead_word_that_comes_back_is_found(word: str) -> None:
    """Each is found at the beginning, in the middle and at the end of a sentence."""
    for sentence in (f"{word.capitalize()} here.", f"Here, {word}.", f"Here {word}\nagain"):
        assert word in dead_words(sentence)
