"""What there is to translate: the templates' messages, and the sentences that the pure code speaks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir

from simsvc import errors
from simsvc.adapters.inference.model_card import PLOTS
from simsvc.domain.desk.batch_csv import SENTENCES as CASES
from simsvc.domain.desk.contents import LEFT_OUT
from simsvc.domain.desk.declared import SENTENCES as DECLARED
from simsvc.domain.estimate.corrected import SENTENCES as CALIBRATED
from simsvc.domain.estimate.flags import FLAGS
from simsvc.domain.files.other_signatures import NEW_FORMATS, OTHER_FORMATS, RAW_FORMATS
from simsvc.errors import SimsvcError
from simsvc.flows.batch import REFUSALS
from simsvc.settings import PACKAGE_DIR
from simsvc.values import ROLES
from simsvc.web.http.errors import SENTENCES

ONLY_COMMANDS = (
    "cli/",
    "adapters/inference/chosen_model.py",
    "adapters/crypto/fernet_cipher.py",
    "adapters/inference/model_store.py",
    "adapters/photos/photo_files.py",
    "adapters/results/",
    "adapters/crypto/secret_key.py",
    "adapters/photos/sources.py",
    "flows/build_index.py",
    "flows/erase.py",
    "flows/live_faces.py",
    "flows/replay.py",
    "flows/retire.py",
    "flows/tokens.py",
    "settings.py",
    "domain/estimate/age_prior.py",
    "domain/gallery/labels.py",
    "store/request_keys.py",
    "web/api/",
    "web/security/scopes.py",
    "store/migrate.py",
    "store/photos.py",
    "wiring/services.py",
    "wiring/bulk.py",
    "wiring/replay.py",
    "wiring/retirement.py",
    "wiring/erasure.py",
    "wiring/labelled_faces.py",
    "wiring/indexing.py",
)
"""Whose errors reach the command line, and programs, only: there simsvc speaks English."""
STEPS = ("decode", "detect", "pick", "crop", "quality", "predict", "search", "rank", "explain", "total")
COMPOSED = (
    "none",
    "has {0} x {1} pixels",
    "has too many pixels",
    "Likely between {0} and {1} ({2} range)",
    "Likely between {0} and {1} ({2} range).",
    "The estimate is {0} years.",
    "Of the {0} labelled faces that look most alike, {1} {2} within {3} years of the estimate.",
    "Of the {0} labelled faces that look most alike, none are within {1} years of the estimate.",
    "Their ages run from {0} to {1}; their mean, weighted by nearness, is {2}.",
    "The labelled face that looks most alike is labelled {0}.",
    "There is no reference face to compare this face with.",
    "There is only one reference face to compare this face with, labelled {0}: too little to support the "
    "estimate.",
    "There are only {0} reference faces to compare this face with, labelled {1}: too few to support the "
    "estimate.",
    "This photo is itself among the reference faces (labelled {0}); it was left out of the comparison.",
    "One photo that is several times among the reference faces has labels that contradict each other ({0}); "
    "it was left out of the comparison.",
    "{0} photos that are several times among the reference faces have labels that contradict each other; "
    "they were left out of the comparison.",
    "Flag: {0}.",
    "The upload is too large: at most {0} MB are accepted. "
    "Save a smaller copy of the photo, or crop it to the face, and try again.",
    "The old password is wrong, or you have to wait after several wrong ones.",
)
"""Sentences that the pure code composes; `tests/simsvc/web/i18n/test_language.py` holds them against it."""


def every_message(templates_dir: Path) -> Catalog:
    """Return a catalogue of all messages, without translations."""
    catalogue = Catalog(project="simsvc", charset="utf-8")
    for path, line, message, comments, context in extract_from_dir(
        str(templates_dir), [("**.html", "jinja2.ext:babel_extract")], {"**.html": {"trimmed": "true"}}
    ):
        catalogue.add(message, None, [(f"templates/{path}", line)], auto_comments=comments, context=context)
    for path, line, message, comments, context in extract_from_dir(
        str(PACKAGE_DIR / "web"), [("**.py", "python")]
    ):
        catalogue.add(message, None, [(f"simsvc/web/{path}", line)], auto_comments=comments, context=context)
    for sentence in dict.fromkeys(spoken()):
        catalogue.add(sentence)
    return catalogue


def spoken() -> Iterator[str]:
    """Give every sentence or word of the pure code that a page shows, gaps numbered: "at most {0} MB"."""
    yield from (*DECLARED, *CALIBRATED)
    yield from (*CASES, *LEFT_OUT.values())
    yield from (*FLAGS.values(), *(flag.replace("_", " ") for flag in FLAGS))
    yield from (
        *SENTENCES.values(),
        *OTHER_FORMATS,
        *RAW_FORMATS,
        *NEW_FORMATS,
        *PLOTS.values(),
        *REFUSALS,
        *ROLES,
        *STEPS,
        *COMPOSED,
    )
    for path in sorted(PACKAGE_DIR.rglob("*.py")):
        if not path.relative_to(PACKAGE_DIR).as_posix().startswith(ONLY_COMMANDS):
            yield from of_errors(path.read_text(encoding="utf-8"))


def of_errors(source: str) -> Iterator[str]:
    """Give the sentence of every error of the tree that a module makes."""
    tree = ast.parse(source)
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _is_error(node.func):
            sentence = with_gaps(node.args[0], constants)
            if sentence:
                yield sentence


def with_gaps(node: ast.expr, constants: dict[str, str]) -> str:
    """Return a literal or an f-string with its values as numbered gaps; empty for anything else."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    pieces, gaps = [], 0
    for part in node.values if isinstance(node, ast.JoinedStr) else []:
        if isinstance(part, ast.Constant):
            pieces.append(str(part.value))
        elif (
            isinstance(part, ast.FormattedValue)
            and isinstance(part.value, ast.Name)
            and (part.value.id in constants)
        ):
            pieces.append(constants[part.value.id])
        else:
            pieces.append(f"{{{gaps}}}")
            gaps += 1
    return "".join(pieces)


def _is_error(function: ast.expr) -> bool:
    kind = getattr(errors, function.id, None) if isinstance(function, ast.Name) else None
    return isinstance(kind, type) and issubclass(kind, SimsvcError)
