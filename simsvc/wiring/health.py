"""Checks of `/readyz` and `flask check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from simsvc.adapters.index.engines.chosen import check_engine
from simsvc.adapters.inference.bundle import load_bundle, load_document
from simsvc.adapters.inference.chosen_model import served_model
from simsvc.adapters.inference.onnx_detector import whole_graph
from simsvc.adapters.ops.disk import least_free_bytes, open_to_others, unwritable
from simsvc.errors import (
    AuditError,
    DiskUnfit,
    IndexMissing,
    IndexModelMismatch,
    ReadsNotLogged,
    SettingsError,
    StoreError,
)
from simsvc.flows.audit.verify_log import verify
from simsvc.flows.cause import explained
from simsvc.flows.estimates.estimate import check_prior
from simsvc.flows.health import Degraded, Finding, Look, look_over
from simsvc.settings import Settings
from simsvc.store import migrate
from simsvc.store.database import sqlite_file
from simsvc.store.scrubbing import Scrubber
from simsvc.wiring.audit.served import admit, index_guard
from simsvc.wiring.audit.witnesses import WitnessStatus
from simsvc.wiring.parts import shared_parts
from simsvc.wiring.secrets import secrets_of
from simsvc.wiring.services import Services, private_places

Progress = Callable[[int, int], None]
"""Called with (events done, total)."""
MOST_NAMED = 5


def readiness(services: Services) -> tuple[Finding, ...]:
    """Return the readiness of a worker, quickly enough for frequent probes."""
    parts = (
        ("model", lambda: _open_model(services)),
        ("index", lambda: _open_index(services)),
        ("database", lambda: _reachable(services)),
        ("disk", lambda: _room(services.settings, services.settings.max_upload_bytes)),
        ("log", lambda: _signing(services)),
        ("reads", lambda: _reads(services)),
    )
    return look_over((*parts, *_outlets(services), *_hosts(services)))


def everything(services: Services, progress: Progress, ray: str = "") -> tuple[Finding, ...]:
    """Return the state of every part, with all hashes: takes seconds, or longer for a long log.

    `ray` is the address of a Ray cluster to look at, or "" for none.
    """
    settings = services.settings
    return look_over(
        (
            ("settings", lambda: "All of them can be used."),
            ("session key", lambda: _secret_key(services)),
            ("folders", lambda: _folders(settings)),
            ("file modes", lambda: _private(settings)),
            ("disk", lambda: _room(settings, settings.max_batch_bytes)),
            ("database", lambda: _up_to_date(services)),
            ("log", lambda: _log(services, progress)),
            ("model", lambda: _whole_model(settings)),
            ("detector", lambda: f"{whole_graph().name} is whole."),
            ("kept models", lambda: _kept_models(services)),
            ("erasures", lambda: _erasures(services)),
            ("index", lambda: _whole_index(services)),
            ("in service", lambda: _as_logged(services)),
            ("photo keys", lambda: _photo_keys(settings)),
            *shared_parts(services, ray),
        ),
        partial(explained, secrets=secrets_of(settings)),
    )


def folders(settings: Settings) -> tuple[Path, ...]:
    """Return the folders the service writes to."""
    file = sqlite_file(settings.database_url)
    beside = (file.parent,) if file else ()
    shared = (settings.cache_dir,) if settings.objects else ()
    own = (settings.index_root, settings.model_root, settings.batch_dir, settings.import_dir)
    return (*beside, *own, *shared)


def _open_model(services: Services) -> str | Degraded:
    model, problem = services.pipeline().model, services.model_problem()
    if problem is not None and problem.reason != "restart":
        raise problem
    if problem is not None:
        return Degraded(problem, f"{model.version} is in service.")
    return f"{model.version} is open, run by {model.engine}."


def _whole_model(settings: Settings) -> str:
    model = served_model(load_bundle(settings.bundle_dir), settings.engine, settings.threads)
    check_prior(model, settings.age_prior)
    prior = f" Age prior: {settings.age_prior.short}." if settings.age_prior else ""
    return f"{model.version} is whole, run by {model.engine}.{prior}"


def _open_index(services: Services) -> str | Degraded:
    index = services.pipeline().index()
    problem = services.index_problem()
    if problem is not None and not isinstance(problem, IndexModelMismatch):
        return Degraded(problem, f"{index.label} is in service.")
    return f"{index.label} is open, {index.count} reference faces."


def _reachable(services: Services) -> str:
    services.database.check()
    return "It answers."


def _reads(services: Services) -> str:
    """Return whether views are logged; a worker that must log them is not ready while it cannot."""
    problem, waiting = services.read_log.problem, services.read_log.waiting
    if not services.settings.audits_reads:
        return "WARNING: Views of records are not logged."
    if problem is None:
        return "Views of records are logged."
    if services.settings.require_read_log:
        raise ReadsNotLogged() from problem
    return f"WARNING: {waiting} views of records wait to be logged. {problem.sentence}"


def _up_to_date(services: Services) -> str:
    services.database.check()
    return f"Available, at revision {migrate.require_newest(services.database.engine)}."


def _room(settings: Settings, wanted_bytes: int) -> str:
    free = least_free_bytes(folders(settings))
    if free < wanted_bytes:
        raise DiskUnfit("room", free_mb=free / 1e6, wanted_mb=wanted_bytes / 1e6)
    return f"{free / 1e9:.1f} GB free."


def _folders(settings: Settings) -> str:
    closed = unwritable(folders(settings))
    if closed:
        names = ", ".join(str(folder) for folder in closed)
        raise DiskUnfit("permission", names=names)
    return "All folders are writable."


def _private(settings: Settings) -> str:
    found = private_places(settings).open_to_others()
    if found:
        names = ", ".join(str(path) for path in found[:MOST_NAMED])
        others = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise SettingsError("open_files", names=names, others=others)
    return "Database, indexes, models, waiting photos and keys are private to the service account."


def _secret_key(services: Services) -> str:
    services.secret_key()
    if not services.settings.secret_key and open_to_others(services.settings.secret_key_file):
        raise SettingsError("open_key")
    return "Present, and private to the service account."


def _signing(services: Services) -> str | Degraded:
    """Return how signing the log goes; a problem there is a warning: estimates go on."""
    status = services.log_keeper.status()
    if status.checkpoint is None:
        said = f"There is no checkpoint yet; {status.unsigned} events are not signed."
    else:
        age_s = max(0.0, (services.now() - status.checkpoint.at).total_seconds())
        said = (
            f"The last checkpoint, of {status.checkpoint.size} events, is {age_s:.0f} s old; "
            f"{status.unsigned} newer events are not signed yet."
        )
    problem = services.log_thread.problem
    return Degraded(problem, said) if problem else said


def _outlets(services: Services) -> Iterator[tuple[str, Look]]:
    """Yield what is to be checked of witnesses and stream, if they are set."""
    if services.witness_desk.is_set:
        yield "witnesses", lambda: _witnesses(services)
    if services.streamer is not None:
        yield "event stream", lambda: _stream(services)


def _hosts(services: Services) -> Iterator[tuple[str, Look]]:
    """Yield what is to be checked of this host among others, if it may share its database."""
    if services.host_watch.is_set:
        yield "host", lambda: _among_others(services)


def _among_others(services: Services) -> str:
    services.host_watch.require()
    return f"{services.settings.host} answers as the other hosts do."


def _witnesses(services: Services) -> str:
    """Return what witnesses took and saw; a problem there is a warning, unless a witness is required."""
    desk = services.witness_desk
    desk.require()
    statuses, check = desk.statuses(), desk.memory.check()
    found = (*(check.problems if check else ()), *(_witness(status, services.now()) for status in statuses))
    return " ".join(found)


def _witness(status: WitnessStatus, now: datetime) -> str:
    memory, name = status.memory, status.name if status.is_set else f"{status.name} (no longer set)"
    took = f"took {memory.size} events {_ago(memory.at, now)}" if memory.at else "has taken no checkpoint yet"
    lie = f" {memory.lie}" if memory.lie else ""
    failing = (
        f", and fails since {_minutes(memory.failing_since, now)}: {memory.error}" if memory.error else "."
    )
    return f"{name} {took}{failing}{lie}"


def _ago(at: datetime | None, now: datetime) -> str:
    return f"{_minutes(at, now)} ago"


def _minutes(since: datetime | None, now: datetime) -> str:
    minutes = max(0, int((now - since).total_seconds() // 60)) if since else 0
    return f"{minutes} minutes" if minutes != 1 else "1 minute"


def _stream(services: Services) -> str:
    lag = services.stream_lag()
    if lag is None or not lag.events:
        return "Every event was delivered."
    problem = f" {lag.problem}" if lag.problem else ""
    behind_s = lag.behind.total_seconds()
    return f"{lag.events} events are not delivered yet, the oldest for {behind_s:.0f} s.{problem}"


def _log(services: Services, progress: Progress) -> str:
    outside = services.outside()
    with services.log.snapshot() as snapshot:
        verdict = verify(snapshot, progress, outside=outside)
    if verdict.broken:
        raise AuditError("broken", problem=verdict.broken.sentence)
    services.log_keeper.check_key()
    return f"The log is intact: {verdict.events} events."


def _erasures(services: Services) -> str:
    left = Scrubber(services.database).unfinished()
    if left:
        raise StoreError("erased", receipts=left)
    return "The database files hold no copies of erased data."


def _kept_models(services: Services) -> str:
    kept = services.models.kept()
    for bundle in kept:
        services.models.find(bundle.folder.name, None)
    return f"{len(kept)} kept for replays, all intact."


def _whole_index(services: Services) -> str:
    label = services.shelf.current()
    check_engine("annoy" if label is None else services.shelf.manifest(label).index_engine)
    if label is None:
        raise IndexMissing()
    return f"{services.switcher().fitting(label).label} is intact and fits the model."


def _as_logged(services: Services) -> str:
    problem = index_guard(services.database, services.shelf).inspect()
    if problem is not None:
        raise problem
    admit(services.database, load_document(services.settings.bundle_dir))
    return "Model and index build are those that the log has."


def _photo_keys(settings: Settings) -> str:
    if settings.photo_days:
        return f"Photos are kept, encrypted, for {settings.photo_days} days."
    return "Photos are not kept."
