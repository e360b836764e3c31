"""What the log says about index builds and models, and problems with what is in service."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from simsvc.domain.audit.chain import is_whole
from simsvc.domain.audit.served import ModelFacts
from simsvc.store.audit.snapshot import LogSnapshot
from simsvc.store.audit_append import append, lock_log
from simsvc.store.database import Store
from simsvc.store.tables import BuildRow, EventRow, ModelSwitchRow
from simsvc.values.events import PROGRAM, EventKind, NewEvent

SWITCHES_READ = 50
"""Latest switches that are considered when an earlier build has to take over."""


@dataclass(frozen=True, slots=True)
class LoggedIndex:
    """What the log has of an index build.

    Attributes:
        manifests: SHA-256 of its manifests.
        switched: label of the build that was last switched to.
        is_first: whether the log has no build at all.
    """

    manifests: frozenset[str]
    switched: str | None
    is_first: bool


class ServedLog(Store):
    """What the log says of what may be in service.

    Problems are those of files. Where hosts share the database, each has its own files: what ends on one of
    them goes on at another.
    """

    def index(self, label: str) -> LoggedIndex:
        """Return what the log has of an index build; builds of earlier versions are logged first."""
        found = self.peek(label)
        if not found.is_first:
            return found
        self.log_earlier_builds()
        return self.peek(label)

    def peek(self, label: str) -> LoggedIndex:
        """Return what the log has of an index build, and log nothing."""
        with self._database.reading() as session:
            return _logged_index(session, label)

    def log_earlier_builds(self) -> None:
        """Log the builds of versions that logged none, once: as long as the log has no build at all."""
        with self._database.reading() as session:
            recorded = session.scalar(select(BuildRow.sequence).limit(1))
            if recorded is None or _has_builds(session):
                return
        with self._database.transaction() as session:
            lock_log(session.connection())
            if not _has_builds(session):
                _log_rows(session)

    def switched(self) -> tuple[str, ...]:
        """Return the labels of the latest logged switches, each once, the newest first."""
        with self._database.reading() as session:
            return tuple(dict.fromkeys(_switched(session, SWITCHES_READ)))

    def confirm_index(self, label: str, judge: Callable[[LoggedIndex], Mapping[str, Any] | None]) -> bool:
        """Judge an index build again while nobody can switch, and log the problem once if there is one.

        A switch writes current.json and the log in one transaction, so what looks wrong may be half done.
        Return whether there is a problem.
        """
        with self._database.transaction() as session:
            lock_log(session.connection())
            problem = judge(_logged_index(session, label))
            if problem is not None:
                _note(session, self._part("index"), problem)
            return problem is not None

    def note(self, part: str, problem: Mapping[str, Any]) -> None:
        """Log a problem with what is in service, unless it was the last that was logged of this part."""
        with self._database.transaction() as session:
            lock_log(session.connection())
            _note(session, self._part(part), problem)

    def note_end(self, part: str) -> None:
        """Log that a problem with what is in service has ended, if one was logged."""
        with self._database.reading() as session:
            if _last_problem(session, self._part(part)) is None:
                return
        self.note(part, {})

    def _part(self, part: str) -> str:
        host = self._database.host
        return f"{part}@{host}" if host else part

    def model(self, bundle_sha256: str, model_sha256: str) -> ModelFacts:
        """Return what the log has of a model."""
        newest = select(ModelSwitchRow.bundle_sha256).order_by(ModelSwitchRow.sequence.desc()).limit(1)
        with self._database.reading() as session:
            said = _said(session, EventKind.MODEL_SWITCH)
            logged = frozenset(str(one["bundle_sha256"]) for one in said if "bundle_sha256" in one)
            earlier = [str(one["sha256"]) for one in said if "bundle_sha256" not in one]
            return ModelFacts(
                bundle_sha256,
                model_sha256,
                logged,
                earlier=earlier[-1] if earlier else None,
                last=said[-1].get("bundle_sha256") if said else None,
                recorded=session.scalar(newest),
            )


def log_build(session: Session, label: str, content: Mapping[str, Any], actor: str) -> None:
    """Log an index build unless the log has it with this manifest.

    Call `ServedLog.log_earlier_builds` first, before a row of `builds` is written.
    """
    if content["manifest_sha256"] not in _manifests(session, label):
        append(session, NewEvent(EventKind.BUILD, actor, f"index:{label}", content))


def _log_rows(session: Session) -> None:
    for row in session.scalars(select(BuildRow).order_by(BuildRow.sequence)).all():
        content = {
            "what": "found at upgrade",
            "manifest_sha256": row.manifest_sha256,
            "model_sha256": row.model_sha256,
            "faces": row.count,
        }
        append(session, NewEvent(EventKind.BUILD, PROGRAM, f"index:{row.label}", content))


def _has_builds(session: Session) -> bool:
    query = select(EventRow.seq).where(EventRow.kind == str(EventKind.BUILD)).limit(1)
    return session.scalar(query) is not None


def _logged_index(session: Session, label: str) -> LoggedIndex:
    switched = next(iter(_switched(session, 1)), None)
    return LoggedIndex(_manifests(session, label), switched, not _has_builds(session))


def _manifests(session: Session, label: str) -> frozenset[str]:
    said = _said(session, EventKind.BUILD, f"index:{label}")
    return frozenset(str(one["manifest_sha256"]) for one in said if "manifest_sha256" in one)


def _switched(session: Session, count: int) -> list[str]:
    query = select(EventRow.subject).where(EventRow.kind == str(EventKind.INDEX_SWITCH))
    subjects = session.scalars(query.order_by(EventRow.seq.desc()).limit(count))
    return [subject.removeprefix("index:") for subject in subjects]


def _said(session: Session, kind: EventKind, subject: str | None = None) -> list[dict[str, Any]]:
    """Return the contents of unchanged events of a kind, and subject, oldest first."""
    wanted = EventRow.kind == str(kind)
    if subject is not None:
        wanted = and_(wanted, EventRow.subject == subject)
    found = LogSnapshot(session).matching(wanted)
    return [json.loads(one.content) for one in found if one.content is not None and is_whole(one)]


def _last_problem(session: Session, part: str) -> dict[str, Any] | None:
    """Return the problem that was logged last of a part, or None if it has ended or there was none."""
    said = _said(session, EventKind.SERVED, f"served:{part}")
    return said[-1] if said and said[-1].get("problem") else None


def _note(session: Session, part: str, problem: Mapping[str, Any]) -> None:
    """Log a problem unless it is the last one, or another one of the same build's or model's files."""
    last = _last_problem(session, part) or {}
    if last != dict(problem) and not ("of" in last and last["of"] == problem.get("of")):
        append(session, NewEvent(EventKind.SERVED, PROGRAM, f"served:{part}", problem or {"problem": None}))
