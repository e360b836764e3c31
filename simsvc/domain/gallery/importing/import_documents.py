"""Imports of reference faces as JSON documents."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from simsvc.errors import from_json, to_json
from simsvc.values.face_imports import (
    CheckedPhoto,
    FaceImport,
    ImportCheck,
    ImportPhoto,
    ImportState,
    SkippedRow,
)


def import_document(upload: FaceImport) -> dict[str, Any]:
    """Return an upload, ready for JSON."""
    photos = [
        {**asdict(photo), "photo_date": photo.photo_date.isoformat() if photo.photo_date else None}
        for photo in upload.photos
    ]
    return {**asdict(upload), "created_at": upload.created_at.isoformat(), "photos": photos}


def read_import(document: dict[str, Any]) -> FaceImport:
    """Return the upload of a document."""
    fields = dict(document)
    photos = tuple(
        ImportPhoto(**{**one, "photo_date": _date(one["photo_date"])}) for one in fields.pop("photos")
    )
    skipped = tuple(SkippedRow(**one) for one in fields.pop("skipped"))
    created_at = datetime.fromisoformat(fields.pop("created_at"))
    ignored = tuple(fields.pop("ignored_columns"))
    return FaceImport(
        **fields, created_at=created_at, photos=photos, skipped=skipped, ignored_columns=ignored
    )


def state_document(state: ImportState) -> dict[str, Any]:
    """Return how far an import is, ready for JSON."""
    problem = None if state.problem is None else to_json(state.problem)
    return {
        "phase": state.phase,
        "step": state.step,
        "done": state.done,
        "total": state.total,
        "problem": problem,
        "label": state.label,
        "by": state.by,
    }


def read_state(document: dict[str, Any]) -> ImportState:
    """Return the state of a document."""
    problem = document["problem"]
    return ImportState(**{**document, "problem": None if problem is None else from_json(problem)})


def check_document(check: ImportCheck) -> dict[str, Any]:
    """Return the results of a check, ready for JSON."""
    return asdict(check)


def read_check(document: dict[str, Any]) -> ImportCheck:
    """Return the results of a document."""
    photos = tuple(CheckedPhoto(**one) for one in document["photos"])
    return ImportCheck(photos, tuple(tuple(group) for group in document["copies"]))


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
