from __future__ import annotations

import ast
import json
import pickle
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from simsvc.errors import PhotoTooSmall, SettingsError, SimsvcError, error_of, every_error, from_json, to_json
from simsvc.messages import Message, Param, joined
from simsvc.settings import PACKAGE_DIR
from simsvc.web.i18n.command import every_message, read_catalogue

TREE = {kind.__name__: kind for kind in every_error()}
Template = tuple[type[SimsvcError], str | None]
TEMPLATES: list[Template] = [
    *((kind, None) for kind in TREE.values() if "template" in vars(kind) and kind.template),
    *((kind, reason) for kind in TREE.values() for reason in vars(kind).get("templates", ())),
]
GAP = re.compile(r"%\((\w+)\)(?:\.\d)?([sfr])")
FIELDS = "fields"
"""An argument of InputRefused that is no parameter of its sentence."""


def template_of(kind: type[SimsvcError], reason: str | None) -> str:
    return kind.template if reason is None else kind.templates[reason]


def sample(template: str) -> dict[str, Param]:
    return {name: 31.5 if form == "f" else f"<{name}>" for name, form in GAP.findall(template)}


@pytest.fixture(scope="module")
def chinese() -> Catalog:
    return read_catalogue("zh_Hans")


@pytest.mark.parametrize(("kind", "reason"), TEMPLATES)
def test_every_sentence_has_its_parameters_in_both_languages(
    kind: type[SimsvcError], reason: str | None, chinese: Catalog
) -> None:
    """Every figure and name is in the English and, where pages show the sentence, in the Chinese one."""
    template = template_of(kind, reason)
    params = sample(template)
    error = kind(reason, **params)
    translation = chinese.get(template)
    said = [str(error)]
    if translation:
        said.append(error.message.render(lambda text: str(translation.string) if text == template else text))
    assert all(str(value) in one or "32" in one for one in said for value in params.values())
    assert not any(re.search(r"%\(|%%", one) for one in said)


def test_what_is_marked_is_translated(chinese: Catalog) -> None:
    """Every template that the code marks for translation has its Chinese."""
    marked = {str(message.id) for message in every_message(PACKAGE_DIR.parent / "templates") if message.id}
    templates = {template_of(*one) for one in TEMPLATES}
    found = {template for template in templates & marked if (entry := chinese.get(template)) and entry.string}
    assert found == templates & marked
    assert len(found) > 150


def raised(folder: Path) -> Iterator[tuple[str, str, str | None, frozenset[str]]]:
    """Give place, class, reason and names of the parameters wherever an error is made."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TREE:
                names = frozenset(str(keyword.arg) for keyword in node.keywords) - {FIELDS}
                reason = ast.literal_eval(node.args[0]) if node.args else None
                yield f"{path.relative_to(folder)}:{node.lineno}", node.func.id, reason, names


def test_errors_are_made_with_the_parameters_of_their_templates() -> None:
    """Every place that makes an error gives what its template has gaps for, and no sentence."""
    wrong, made = [], defaultdict(set)
    for place, name, reason, names in raised(PACKAGE_DIR):
        kind = TREE[name]
        made[name].add(reason)
        known = reason in kind.templates if reason is not None else bool(kind.template)
        if not known or names != {gap for gap, _ in GAP.findall(template_of(kind, reason))}:
            wrong.append((place, name, reason, names))
    assert wrong == []
    unused = [(kind, reason) for kind, reason in TEMPLATES if reason not in made[kind.__name__]]
    assert unused == []


def test_codes_are_unique() -> None:
    """No two classes share a code, so that a code names one class."""
    codes = [kind.code for kind in TREE.values()]
    assert len(codes) == len(set(codes))


def test_an_error_survives_json_and_pickling() -> None:
    """Class, reason, parameters and words in them come back, so that processes and records can hold it."""
    kind = Message("a PDF document")
    for error in (TREE["UnsupportedFormat"]("other", kind=kind), PhotoTooSmall(width_px=9, height_px=8)):
        again = error_of(from_json(json.loads(json.dumps(to_json(error.message)))))
        for copy in (again, pickle.loads(pickle.dumps(error))):  # noqa: S301 - of our own making
            assert (type(copy), copy.message, str(copy)) == (type(error), error.message, str(error))


def test_a_whole_sentence_may_stand_for_a_reason() -> None:
    """The trainer's errors reach only its command line: they are what they are given, percent signs too."""
    error = SettingsError("100% of it is wrong.")
    assert (str(error), error.reason, error.params) == ("100% of it is wrong.", None, {})


def test_a_code_of_a_later_version_is_not_understood() -> None:
    """An unknown code or reason raises, so that the reader falls back to the recorded sentence."""
    for held in ({"code": "melted", "reason": None}, {"code": "no_face", "reason": "melted"}):
        with pytest.raises(LookupError):
            from_json({**held, "params": {}})


def test_sentences_are_joined_in_any_language() -> None:
    """Whoever translates decides what stands between two sentences."""
    said = joined(Message("One."), Message("Two."), Message("Three."))
    assert str(said) == "One. Two. Three."
    assert said.render(lambda text: text.replace(")s %", ")s%")) == "One.Two.Three."
