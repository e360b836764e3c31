"""Whether what is in service is what was logged."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

from simsvc.errors import IndexNotServed

ModelOrigin = Literal["logged", "first", "shipped", "found at upgrade"]
"""Why a model may go into service: it was before; the log is new; it came with simsvc; or it was in service
before the log had the SHA-256 of model.json."""


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """An index build and what the log has of it.

    Attributes:
        label: in current.json, "name/build".
        manifest_sha256: of the bytes of manifest.json; None if it cannot be read.
        logged: SHA-256 of every manifest that was logged for this label.
        switched: label of the last logged switch; None if there is none.
    """

    label: str
    manifest_sha256: str | None
    logged: Set[str]
    switched: str | None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model and what the log has of models.

    Attributes:
        bundle_sha256: of model.json.
        model_sha256: of model.onnx.
        logged: SHA-256 of every model.json that was logged.
        earlier: SHA-256 of model.onnx in the last event of earlier versions, which say no more; None if there
            is none.
        last: SHA-256 of model.json in the last event; None if it says none.
        recorded: SHA-256 of model.json in the latest row of `model_switches`; None without rows.
    """

    bundle_sha256: str
    model_sha256: str
    logged: Set[str]
    earlier: str | None
    last: str | None
    recorded: str | None


def index_problem(facts: IndexFacts) -> IndexNotServed | None:
    """Return why an index build may not be in service, or None.

    A build whose manifest.json cannot be read is not judged: opening it says what is wrong.
    """
    label = facts.label
    if not facts.logged:
        return IndexNotServed("not_logged", label=label)
    if facts.manifest_sha256 is not None and facts.manifest_sha256 not in facts.logged:
        return IndexNotServed("manifest", label=label)
    if facts.switched is not None and facts.switched != label:
        return IndexNotServed("not_switched", label=label, switched=facts.switched)
    return None


def model_origin(facts: ModelFacts, shipped: Set[str]) -> ModelOrigin | None:
    """Return why a model may go into service, or None if it may not.

    `shipped` are the SHA-256 of every model.json that came with simsvc.
    """
    if facts.bundle_sha256 in facts.logged:
        return "logged"
    if facts.bundle_sha256 in shipped:
        return "shipped"
    if facts.logged:
        return None
    if facts.earlier is None:
        return "first"
    same_weights = facts.earlier == facts.model_sha256
    return "found at upgrade" if same_weights and facts.recorded in {None, facts.bundle_sha256} else None
