"""The files of evidence: records, what the log says of them, and the proofs.

`simsvc/evidence/verify.py` reads them back without any code of simsvc, so every change of a format here needs
one there, and a new `FORMAT`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from simsvc.domain.audit.chain import event_bytes
from simsvc.domain.audit.content import decision_content, estimate_content
from simsvc.domain.estimate.output.serialize import describe, describe_decision
from simsvc.values.audit.evidence import (
    BuildFacts,
    EvidenceRecord,
    Files,
    Gathered,
    InService,
    ProvedEvent,
    ProvedLog,
    StateNow,
)
from simsvc.values.audit.log import LogKey
from simsvc.values.events import EventKind, NewEvent, actor_of

FORMAT = "simsvc-evidence/2"
STATE_FILE, DAMAGE = "state.json", "log/damage"
EVIDENCE = "evidence"
"""What the event says was exported."""


def record_files(record: EvidenceRecord) -> dict[str, bytes]:
    """Return the files of a record: as the API shows it, and as the log has it; its crop, if it is kept.

    The log has numbers unrounded, so only that form can be compared with what was logged.
    """
    recorded, crop = record.recorded, record.crop
    crop_sha256 = hashlib.sha256(crop).hexdigest() if crop is not None else None
    said = {
        "record": describe(recorded),
        "decisions": [describe_decision(made) for made in record.decisions],
        "logged": {
            "estimate": estimate_content(recorded, crop_sha256),
            "decisions": [decision_content(made) for made in record.decisions],
        },
    }
    files = {f"records/{recorded.id}.json": _document(said)}
    return files if crop is None else {**files, f"crops/{recorded.id}.png": crop}


def build_files(build: BuildFacts) -> dict[str, bytes]:
    """Return the file of an index build."""
    return {f"builds/{build.label}.json": _document(asdict(build))}


def state_files(state: StateNow, served: InService) -> dict[str, bytes]:
    """Return the file with what tables and files say now; the log's word on that is part of its events."""
    said = asdict(replace(state, events=()))
    del said["events"]
    return {STATE_FILE: _document({**said, "served": asdict(served)})}


def actors_of(gathered: Gathered) -> set[str]:
    """Return who acted on records: the actors of their events, and those of earlier decisions."""
    decided = (made.decided_by for one in gathered.records for made in one.decisions)
    names = {f"estimate:{record_id}" for record_id in gathered.record_ids}
    names |= {logged.event.subject for logged in gathered.events if logged.event.subject.startswith("case:")}
    acted = {logged.event.actor for logged in gathered.events if logged.event.subject in names}
    return acted | set(map(actor_of, decided))


def export_event(record_id: str, actor: str, files: Files, gathered: Gathered) -> NewEvent:
    """Return the event that says who took evidence of a record, and exactly what.

    It says how many records the evidence is about, but not which: after one of them was erased, nothing may
    tell that it belonged to the same case.
    """
    subject = f"estimate:{record_id}"
    content = {
        "what": EVIDENCE,
        "format": "zip",
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "seqs": [logged.event.seq for logged in gathered.events if logged.event.subject == subject],
        "records": len(gathered.record_ids),
    }
    return NewEvent(EventKind.EXPORT, actor, subject, content)


def log_files(log: ProvedLog) -> dict[str, bytes]:
    """Return the files of the log."""
    rotations = {f"log/rotations/{found.size}": found.note.encode() for found in log.rotations}
    witnessed = {}
    if log.witnessed is not None:
        proof = "".join(f"{digest.hex()}\n" for digest in log.consistency)
        witnessed = {"log/witnessed": log.witnessed.note.encode(), "log/consistency": proof.encode()}
    return {
        **rotations,
        **witnessed,
        "log/checkpoint": log.note.encode(),
        "log/keys": "".join(map(_key_line, log.keys)).encode(),
        "log/events.jsonl": "".join(map(_event_line, log.events)).encode("utf-8", "surrogateescape"),
        **({DAMAGE: "".join(f"{line}\n" for line in log.damage).encode()} if log.damage else {}),
    }


def with_manifest(files: Files) -> dict[str, bytes]:
    """Return the files with MANIFEST.json, which lists the digest of each."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    manifest = json.dumps({"format": FORMAT, "files": digests}, indent=1, sort_keys=True) + "\n"
    return {**files, "MANIFEST.json": manifest.encode()}


def receipted(contents: Iterable[tuple[int, str | None]], erased: Iterable[int]) -> tuple[int, ...]:
    """Return the numbers of the receipts that list one of these erased events.

    `contents` are the numbers and contents of all events that may be receipts.
    """
    wanted = set(erased)
    return tuple(seq for seq, content in contents if wanted & _listed(content))


def _listed(content: str | None) -> set[int]:
    try:
        said = json.loads(content or "{}")
        return set(said.get("events", ()))
    except (ValueError, TypeError, AttributeError):  # tampered with
        return set()


def _event_line(proved: ProvedEvent) -> str:
    logged = proved.logged
    said: Mapping[str, Any] = {
        "index": logged.event.seq - 1,
        "leaf": event_bytes(logged.event).decode(),
        "salt": None if logged.content is None else logged.salt.hex(),
        "content": logged.content,
        "proof": [digest.hex() for digest in proved.proof],
    }
    return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"


def _key_line(key: LogKey) -> str:
    return f"{key.vkey} {key.since_size} {key.until_size or '-'}\n"


def _document(said: Mapping[str, Any]) -> bytes:
    return (json.dumps(said, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogateescape")
