"""Let only what was logged go into service, and log what else was found there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any, Protocol

from simsvc.domain.audit.served import IndexFacts, ModelFacts, index_problem, model_origin
from simsvc.errors import IndexNotServed, IndexUnusable, ModelNotLogged, SimsvcError, StoreError
from simsvc.values.events import COMMAND, Event, EventKind, NewEvent

INDEX, MODEL = "index", "model"
"""Parts that problems are logged of: current.json and the model."""
FILES = {INDEX: "index_files", MODEL: "model_files"}
"""Parts for the files of the build and of the model."""

_log = logging.getLogger(__name__)


class LoggedIndex(Protocol):
    """What the log has of an index build."""

    @property
    def manifests(self) -> Set[str]:
        """SHA-256 of every logged manifest."""

    @property
    def switched(self) -> str | None:
        """Label of the last logged switch."""

    @property
    def is_first(self) -> bool:
        """Whether the log has no build at all."""


class ServedBook(Protocol):
    """What the log says of what may be in service; every method raises StoreError."""

    def index(self, label: str) -> LoggedIndex:
        """Return what the log has of an index build."""

    def switched(self) -> tuple[str, ...]:
        """Return the labels of the latest logged switches, the newest first."""

    def confirm_index(self, label: str, judge: Callable[[LoggedIndex], Mapping[str, Any] | None]) -> bool:
        """Judge an index build while nobody can switch, and log its problem once if there is one."""

    def note(self, part: str, problem: Mapping[str, Any]) -> None:
        """Log a problem once."""

    def note_end(self, part: str) -> None:
        """Log that a problem has ended, if one was logged."""

    def model(self, bundle_sha256: str, model_sha256: str) -> ModelFacts:
        """Return what the log has of a model."""


class EventLog(Protocol):
    """The event log."""

    def note_change(self, event: NewEvent) -> Event | None:
        """Log the content unless the latest event of this kind and subject says the same."""


@dataclass(frozen=True, slots=True)
class IndexGuard:
    """Says which index builds may be in service.

    Attributes:
        manifest_sha256: returns the SHA-256 of a build's manifest.json; None if it cannot be read.
        pointed: returns the label in current.json at this moment.
        adopt: records and logs a build that is found with a new database.
    """

    book: ServedBook
    manifest_sha256: Callable[[str], str | None]
    pointed: Callable[[], str | None]
    adopt: Callable[[str], None]

    def logged(self, label: str) -> LoggedIndex:
        """Return what the log has of a build; a log without any build takes this one.

        Raises StoreError, and IndexUnusable if its files cannot be read.
        """
        logged = self.book.index(label)
        if not logged.is_first:
            return logged
        self.adopt(label)
        return self.book.index(label)

    def check(self, label: str) -> None:
        """Raise IndexNotServed if the build in current.json is not what the log has, and log that once."""
        problem = self._judged(label, self.logged(label))
        if problem is not None:
            problem = self._confirmed(label, problem)
        if problem is not None:
            raise problem
        _quietly(lambda: self.book.note_end(INDEX))

    def inspect(self) -> IndexUnusable | None:
        """Return what is wrong with current.json, if anything, and log it once; raises StoreError."""
        try:
            label = self.pointed()
            if label is not None:
                self.check(label)
        except IndexNotServed as problem:
            return problem
        except IndexUnusable as problem:
            note_quietly(self.book, INDEX, problem)
            return problem
        return None

    def fallbacks(self) -> tuple[str, ...]:
        """Return the logged builds that may take over, best first, with the manifests that were logged."""
        found = []
        for label in self.book.switched():
            sha256 = self.manifest_sha256(label)
            if sha256 is not None and sha256 in self.book.index(label).manifests:
                found.append(label)
        return tuple(found)

    def note_damaged(self, label: str, problem: SimsvcError) -> None:
        """Log once that files of the build in service are not as its manifest says."""
        note_quietly(self.book, FILES[INDEX], problem, {"of": label})

    def _judged(self, label: str, logged: LoggedIndex) -> IndexNotServed | None:
        sha256 = self.manifest_sha256(label)
        return index_problem(IndexFacts(label, sha256, logged.manifests, logged.switched))

    def _confirmed(self, label: str, seen: IndexNotServed) -> IndexNotServed | None:
        found: list[IndexNotServed] = []

        def judge(logged: LoggedIndex) -> Mapping[str, Any] | None:
            if self.pointed() != label:  # switched meanwhile: it is not in service, and nothing is wrong
                found.append(seen)
                return None
            problem = self._judged(label, logged)
            if problem is None:
                return None
            found.append(problem)
            return problem_content(problem)

        try:
            self.book.confirm_index(label, judge)
        except StoreError as error:
            _log.error("a problem with the index in service is not logged: %s", error.sentence)
            return seen
        return found[-1] if found else None


def admit_model(
    book: ServedBook,
    log: EventLog,
    model: Mapping[str, str],
    shipped: Set[str],
) -> None:
    """Log the model of a starting process if it changed; `model` has version, sha256 and bundle_sha256.

    Raises:
        ModelNotLogged: it may not go into service; the log says so once.
        StoreError: the database cannot be used.
    """
    facts = book.model(model["bundle_sha256"], model["sha256"])
    origin = model_origin(facts, shipped)
    if origin is None:
        problem = ModelNotLogged("start", version=model["version"])
        note_quietly(book, MODEL, problem, model)
        raise problem
    if facts.last != model["bundle_sha256"]:
        log.note_change(NewEvent(EventKind.MODEL_SWITCH, COMMAND, MODEL, {**model, "what": origin}))
    _quietly(lambda: book.note_end(MODEL))


def accept_model(book: ServedBook, log: EventLog, model: Mapping[str, str]) -> None:
    """Log that a person put a model there, unless it is the last in the log; raises StoreError."""
    if book.model(model["bundle_sha256"], model["sha256"]).last != model["bundle_sha256"]:
        log.note_change(NewEvent(EventKind.MODEL_SWITCH, COMMAND, MODEL, {**model, "what": "accepted"}))
    book.note_end(MODEL)


def note_quietly(
    book: ServedBook, part: str, problem: SimsvcError, more: Mapping[str, str] | None = None
) -> None:
    """Log a problem with what is in service once; if that fails, only the process's own log has it."""
    _quietly(lambda: book.note(part, {**problem_content(problem), **(more or {})}))


def problem_content(problem: SimsvcError) -> dict[str, Any]:
    """Return what the log says of a problem with what is in service."""
    return {"problem": problem.code, "reason": problem.reason, "sentence": problem.sentence}


def _quietly(log: Callable[[], None]) -> None:
    try:
        log()
    except StoreError as error:
        _log.error("a problem with what is in service is not logged: %s", error.sentence)
