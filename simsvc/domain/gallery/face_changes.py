"""Changes to reference faces after a build: added, relabelled, removed, erased.

The changes are numbered sets, one line of text each: the SHA-256 of the set's JSON, a space, the JSON. They
apply to every build, older or newer: removed faces are left out, relabelled faces have their new label, and
added faces are searched together with the build's own unless the build already includes them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from simsvc.domain.gallery.stored_calibration import document as calibration_document
from simsvc.domain.gallery.stored_calibration import parsed
from simsvc.errors import IndexDamaged
from simsvc.values import FloatVector, LabelledFace
from simsvc.values.site_calibration import SiteCalibration


@dataclass(frozen=True, slots=True, eq=False)
class LiveFace:
    """A face added after a build.

    Attributes:
        face: with its original label.
        index_name: of the index whose builds it belongs to.
        model_sha256: of the model that embedded it; only builds of that model are searched with it.
        embedding: float32 (D,), unit length.
        thumbnail: JPEG bytes.
        estimate_years: that model's estimate of its age; None if added by an older version.
        person: from `domain.gallery.labelled_faces.person_key`.
    """

    face: LabelledFace
    index_name: str
    model_sha256: str
    embedding: FloatVector
    thumbnail: bytes
    estimate_years: float | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ChangeSet:
    """A set of changes, applied together.

    Attributes:
        ages_years: face id to new label.
        removed: IDs of faces left out of new estimates.
        calibrations: "name/build" to the site calibration after this set.
    """

    added: tuple[LiveFace, ...] = ()
    ages_years: Mapping[str, float] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    erased: frozenset[str] = frozenset()
    calibrations: Mapping[str, SiteCalibration] = field(default_factory=dict)

    def without(self, erased: frozenset[str]) -> ChangeSet:
        """Return the set without erased faces."""
        return replace(
            self,
            added=tuple(live for live in self.added if live.face.face_id not in erased),
            ages_years={face_id: age for face_id, age in self.ages_years.items() if face_id not in erased},
            removed=self.removed - erased,
        )


@dataclass(frozen=True, slots=True)
class ErasedSets:
    """What an erasure did to the file of face changes.

    Attributes:
        number: of the erasing set.
        sha256s: `set_sha256` of the sets that it changed and of its own, by number.
    """

    number: int
    sha256s: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class FaceChanges:
    """The state after a number of sets.

    Attributes:
        live: added faces that are not erased, by ID, with their latest labels.
        ages_years: face ID to latest label, for relabelled faces.
        removed: IDs of removed faces, including erased ones.
        erased: IDs of erased faces, which must not be shown.
        calibrations: "name/build" to its latest site calibration, if faces changed after the build.
    """

    number: int = 0
    live: Mapping[str, LiveFace] = field(default_factory=dict)
    ages_years: Mapping[str, float] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    erased: frozenset[str] = frozenset()
    calibrations: Mapping[str, SiteCalibration] = field(default_factory=dict)

    def added_to(self, index_name: str, model_sha256: str) -> tuple[LiveFace, ...]:
        """Return the faces added to an index and not removed, by source and reference."""
        chosen = (
            live
            for face_id, live in self.live.items()
            if face_id not in self.removed
            and (live.index_name, live.model_sha256) == (index_name, model_sha256)
        )
        return tuple(sorted(chosen, key=lambda live: (live.face.source, live.face.reference)))

    def relabelled(self, face: LabelledFace) -> LabelledFace:
        """Return a face with its latest label."""
        age_years = self.ages_years.get(face.face_id)
        return face if age_years is None else replace(face, age_years=age_years)

    def kept(self, faces: Iterable[LabelledFace]) -> tuple[LabelledFace, ...]:
        """Return the faces of a build that are not removed, with their latest labels."""
        return tuple(self.relabelled(face) for face in faces if face.face_id not in self.removed)


def changes_of(sets: Sequence[ChangeSet], number: int | None = None) -> FaceChanges:
    """Return the state after the first `number` sets, or all sets; erased faces stay erased."""
    number = len(sets) if number is None else min(number, len(sets))
    erased = frozenset[str]().union(*(one.erased for one in sets))
    live: dict[str, LiveFace] = {}
    ages_years: dict[str, float] = {}
    calibrations: dict[str, SiteCalibration] = {}
    removed = erased
    for one in sets[:number]:
        live |= {added.face.face_id: added for added in one.added}
        ages_years |= one.ages_years
        removed |= one.removed
        calibrations |= one.calibrations
    for face_id in live.keys() & ages_years.keys():
        face = replace(live[face_id].face, age_years=ages_years[face_id])
        live[face_id] = replace(live[face_id], face=face)
    kept = {face_id: one for face_id, one in live.items() if face_id not in erased}
    return FaceChanges(number, kept, ages_years, removed, erased, calibrations)


def to_line(changes: ChangeSet) -> str:
    """Return a set as a line of text."""
    document = {
        "add": [_live_document(live) for live in changes.added],
        "relabel": dict(changes.ages_years),
        "remove": sorted(changes.removed),
        "erase": sorted(changes.erased),
        "calibrate": {label: calibration_document(site) for label, site in changes.calibrations.items()},
    }
    filled = {name: part for name, part in document.items() if part}
    text = json.dumps(filled, sort_keys=True, separators=(",", ":"))
    return f"{line_sha256(text)} {text}\n"


def set_sha256(changes: ChangeSet) -> str:
    """Return the SHA-256 that a set's line starts with, by which the log knows the set."""
    return to_line(changes).partition(" ")[0]


def lines_sha256(data: bytes) -> tuple[str, ...]:
    """Return the SHA-256 of the JSON of all complete lines, whatever they are."""
    lines = data.split(b"\n")[:-1]
    return tuple(hashlib.sha256(line.partition(b" ")[2]).hexdigest() for line in lines)


def line_sha256(text: str) -> str:
    """Return the SHA-256 of a line's JSON, which the line starts with."""
    return hashlib.sha256(text.encode()).hexdigest()


def from_lines(data: bytes, first: int = 1) -> tuple[ChangeSet, ...]:
    """Read all complete lines, of which the first has this number; a last line that is cut off is ignored.

    Raises:
        IndexDamaged: a line was changed.
    """
    lines = data.split(b"\n")[:-1]
    return tuple(_change_set(number, line) for number, line in enumerate(lines, first))


def _change_set(number: int, line: bytes) -> ChangeSet:
    try:
        digest, _, text = line.decode().partition(" ")
        if line_sha256(text) != digest:
            raise ValueError("another content")
        document = json.loads(text)
        return ChangeSet(
            tuple(_live(entry) for entry in document.get("add", ())),
            {str(face_id): float(age) for face_id, age in document.get("relabel", {}).items()},
            frozenset(document.get("remove", ())),
            frozenset(document.get("erase", ())),
            {label: parsed(site) for label, site in document.get("calibrate", {}).items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise IndexDamaged("changes", line=number) from None


def _live_document(live: LiveFace) -> dict[str, Any]:
    face = live.face
    later = {"estimate": live.estimate_years, "person": live.person}
    return {
        "face_id": face.face_id,
        "age_years": face.age_years,
        "source": face.source,
        "reference": face.reference,
        "index": live.index_name,
        "model": live.model_sha256,
        "embedding": base64.b64encode(live.embedding.astype("<f4").tobytes()).decode(),
        "thumbnail": base64.b64encode(live.thumbnail).decode(),
        **{name: value for name, value in later.items() if value is not None},
    }


def _live(entry: dict[str, Any]) -> LiveFace:
    embedding = np.frombuffer(base64.b64decode(entry["embedding"], validate=True), dtype="<f4")
    return LiveFace(
        LabelledFace(entry["face_id"], entry["age_years"], entry["source"], entry["reference"]),
        entry["index"],
        entry["model"],
        embedding.astype(np.float32),
        base64.b64decode(entry["thumbnail"], validate=True),
        entry.get("estimate"),
        entry.get("person"),
    )
