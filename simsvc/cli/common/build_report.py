"""The report that `flask index build` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simsvc.domain.estimate.corrected import build_sentence
from simsvc.domain.gallery.manifest import Manifest, manifest_sha256
from simsvc.domain.gallery.near_duplicates import AGREE_YEARS, LabelledCopy, NearDuplicates
from simsvc.values import LabelledFace

LISTED = 20
"""Photos with conflicting labels in the report; manifest.json lists all of them."""


@dataclass(frozen=True, slots=True)
class InService:
    """The build in service: its label, and how many faces it has."""

    label: str
    count: int


def build_report(manifest: Manifest, faces: Sequence[LabelledFace], in_service: InService) -> list[str]:
    """Return lines about a build: faces, skipped photos, near-duplicates, recall and how to use it."""
    found = manifest.recall
    return [
        *_service_lines(manifest, in_service),
        *_face_lines(manifest, faces),
        *(_copy_lines(manifest.copies) if manifest.copies else ()),
        *([] if found is None else [f"Recall: a search finds {found:.1%} of the most similar faces."]),
        *([str(build_sentence(manifest.calibration))] if manifest.calibration else ()),
        f"manifest.json sha256 {manifest_sha256(manifest)}",
    ]


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: "1 face", "21,332 faces"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _service_lines(manifest: Manifest, in_service: InService) -> Iterator[str]:
    faces = counted(manifest.count, "face")
    if manifest.label == in_service.label:
        yield f"{manifest.label}: {faces} in service."
        return
    yield f"{manifest.label}: {faces}, not in service."
    yield (
        f"{in_service.label} with {counted(in_service.count, 'face')} stays in service. "
        f"To use this build instead: flask index use {manifest.label}"
    )


def _face_lines(manifest: Manifest, faces: Sequence[LabelledFace]) -> Iterator[str]:
    ages = [face.age_years for face in faces]
    youngest, oldest = f"{min(ages):g}", f"{max(ages):g}"
    yield f"Labels: {youngest} years." if youngest == oldest else f"Labels: {youngest} to {oldest} years."
    reasons = Counter(entry.reason for entry in manifest.facts.skipped)
    yield from (f"{count:,} skipped: {reason}" for reason, count in sorted(reasons.items()))
    whole = sum(source.whole_picture for source in manifest.sources)
    if whole:
        yield f"{whole:,} aligned photos used whole, because no face was detected"


def _copy_lines(copies: NearDuplicates) -> Iterator[str]:
    if not copies.photos:
        yield "Near-duplicates: none."
        return
    yield (
        f"Near-duplicates: {counted(copies.faces, 'further face')} of {counted(copies.photos, 'photo')}. "
        "Each photo counts once."
    )
    contradictory = copies.contradictory
    if not contradictory:
        return
    yield (
        f"Conflicting labels: {counted(len(contradictory), 'photo')} with labels more than "
        f"{AGREE_YEARS:.0f} years apart, not used in comparisons:"
    )
    yield from (f"  {contradiction(photo)}" for photo in contradictory[:LISTED])
    if len(contradictory) > LISTED:
        yield f"  and {len(contradictory) - LISTED:,} more; see manifest.json"


def contradiction(photo: Sequence[LabelledCopy]) -> str:
    """Write the faces of one photo with their labels: "a.jpg (60), b.jpg (71)"."""
    return ", ".join(f"{copy.reference} ({copy.age_years:g})" for copy in photo)
