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

ROOT = Path(__file__).parents[4]
INSTEAD = {
    "a choice of ours": "(name the source)",
    "anew": "again",
    "any more": "no longer",
    "as computed": "unrounded",
    "as it will be judged": "face we will use",
    "asked for by": "requested by",
    "asks for no": "cannot create",
    "at work": "running",
    "back-up": "backup",
    "back-ups": "backups",
    "beside": "with",
    "came without": "has no",
    "cannot be understood": "is not valid",
    "counts no more": "stops working",
    "count no more": "stop working",
    "for good": "permanently",
    "go on record": "are recorded",
    "goes on": "continues",
    "is told": "(say what happens)",
    "judge the photos": "estimate ages",
    "judged": "estimated, or used",
    "just now": "right now",
    "labelled face": "reference face",
    "labelled faces": "reference faces",
    "lies above": "is above",
    "lies below": "is below",
    "look most alike": "most similar",
    "looks most alike": "most similar",
    "mended": "fixed",
    "mixture of signs": "special characters",
    "most alike": "most similar",
    "names no one": "holds no names",
    "no vote": "is not used",
    "of its own": "separate",
    "of their own": "separate",
    "once more": "again, or confirm",
    "one vote": "counts once",
    "opens nothing": "has been revoked",
    "opens the API": "gives API access",
    "refer to a person": "send for review",
    "rests on": "uses",
    "stand": "are, or cannot be said",
    "stands": "is, or applies",
    "start again from the first page": "go to the home page",
    "such a one": "(name it)",
    "surer": "more certain",
    "taken in": "uploaded",
    "the photo offers": "photo quality",
    "there is none yet": "no ... yet",
    "what can be done": "actions",
    "who switched": "change history",
    "不予采信": "不可信",
    "判断": "评估",
    "判读": "评估",
    "回执": "凭据",
    "带标签人脸": "参考人脸",
    "估算": "估计",
    "人脸截图": "人脸裁剪图",
    "投保申请人": "申请人",
    "改定": "不可信",
    "最相像": "最相似",
    "构建版本": "索引版本",
    "疑虑": "预计误差",
    "被取代": "先前的",
    "采信": "可信",
}
"""Dead words to better ones, in English and Chinese."""


def dead_words(text: str) -> list[str]:
    """Return every dead word in a text; English ones as whole words in any case."""
    words = " ".join(text.split()).lower()
    return [dead for dead in INSTEAD if re.search(rf"(?<![a-z_-]){dead.lower()}(?![a-z_-])", words)]


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
    assert dead_words(json.dumps(app.extensions["simsvc-document"], ensure_ascii=False)) == []


@pytest.mark.parametrize("word", INSTEAD)
def test_a_dead_word_that_comes_back_is_found(word: str) -> None:
    """Each is found at the beginning, in the middle and at the end of a sentence."""
    for sentence in (f"{word.capitalize()} here.", f"Here, {word}.", f"Here {word}\nagain"):
        assert word in dead_words(sentence)
