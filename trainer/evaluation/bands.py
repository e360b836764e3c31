"""Photos labelled with bands of ages: how far estimates lie outside of them."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.gallery.labels import safe_relative_path
from simsvc.errors import LabelsUnreadable, SourceEmpty
from trainer.evaluation.judging import Judged
from trainer.evaluation.measures.metrics import CLOSE_YEARS, bootstrapped, bracketed

TABLE = "labels.csv"  # Columns file, age_band (such as 30-39 or 70+, completed years) and gender
_BAND = re.compile(r"(\d{1,3})(?:-(\d{1,3})|\+)")


@dataclass(frozen=True, slots=True)
class BandedPhoto:
    """One photo with a band for a label."""

    path: Path
    band: str  # as the table has it
    from_years: float  # youngest age of the band
    to_years: float  # oldest age of the band in completed years, infinite where it is open
    gender: str  # as the table has it


def read_bands(folder: Path) -> tuple[BandedPhoto, ...]:
    """Read the table of a folder; rows whose file is missing are left out.

    Raises:
        SourceEmpty: there is no table, or none of its files.
        LabelsUnreadable: a column is missing or a row makes no sense.
    """
    try:
        text = (folder / TABLE).read_text(encoding="utf-8-sig")
    except OSError:
        raise SourceEmpty(
            f"There is no {TABLE} in {folder}. Name a folder of photos labelled with bands by --path."
        ) from None
    except UnicodeDecodeError:
        raise LabelsUnreadable(f"{TABLE} is no UTF-8 text. Save it again as CSV in UTF-8.") from None
    table = csv.DictReader(text.splitlines())
    missing = {"file", "age_band", "gender"} - set(table.fieldnames or ())
    if missing:
        names = ", ".join(sorted(missing))
        raise LabelsUnreadable(f"{TABLE} has no column {names}. Add it to its first line.")
    photos = tuple(_photo(folder, row, table.line_num) for row in table)
    found = tuple(photo for photo in photos if photo.path.is_file())
    if not found:
        raise SourceEmpty(f"None of the photos that {TABLE} lists lies in {folder}. Put them beside it.")
    return found


def _photo(folder: Path, row: dict[str, str | None], line: int) -> BandedPhoto:
    band, gender = (row["age_band"] or "").strip(), (row["gender"] or "").strip().lower()
    match = _BAND.fullmatch(band)
    try:
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise ValueError(f"{band!r} is no band such as 30-39 or 70+")
        path = folder / safe_relative_path((row["file"] or "").strip())
    except ValueError as error:
        raise LabelsUnreadable(f"{TABLE}, line {line}: {error}. Correct the row or take it out.") from None
    return BandedPhoto(path, band, float(match[1]), float(match[2] or math.inf), gender)


def outside_years(estimates_years: NDArray[np.float64], photos: Sequence[BandedPhoto]) -> NDArray[np.float64]:
    """Return how far each estimate is outside its band, float64 (N,); 0 inside, NaN without an estimate.

    The strict reading: labels are completed years, and 39.5 is half a year outside 30-39.
    """
    lows, highs = (np.array([getattr(p, name) for p in photos]) for name in ("from_years", "to_years"))
    outside: NDArray[np.float64] = np.maximum(lows - estimates_years, estimates_years - highs)
    return outside.clip(0.0)


def figures(judged: Judged, photos: Sequence[BandedPhoto]) -> dict[str, Any]:
    """Return outcomes and figures of all photos, then by band and by gender, each with 95% intervals."""
    outside = outside_years(judged.estimates_years, photos)
    parts = [_part("all", outside, judged.outcomes)]
    for kind, attribute in (("age", "band"), ("gender", "gender")):
        names = np.array([getattr(photo, attribute) for photo in photos])
        order = sorted(set(names.tolist()), key=lambda name: (int((_BAND.match(name) or "00")[1]), name))
        for name in filter(None, order):
            mine = np.flatnonzero(names == name)
            parts.append(_part(f"{kind} {name}", outside[mine], [judged.outcomes[at] for at in mine]))
    return {"close_years": CLOSE_YEARS, "parts": parts}


def _part(name: str, outside: NDArray[np.float64], outcomes: Sequence[str]) -> dict[str, Any]:
    part: dict[str, Any] = {"part": name, "photos": len(outcomes), "outcomes": dict(Counter(outcomes))}
    known = outside[np.isfinite(outside)]
    part["estimated"] = len(known)
    if not len(known):
        return part
    beyond = known[known > 0]
    return part | {
        "within": asdict(bootstrapped((known == 0).astype(np.float64))),
        "within_or_close": asdict(bootstrapped((known <= CLOSE_YEARS).astype(np.float64))),
        "median_outside_years": asdict(bootstrapped(beyond, np.median)) if len(beyond) else None,
    }


def as_text(document: dict[str, Any]) -> str:
    """Return an aligned table for people, 95% bootstrap intervals in brackets."""
    close = f"or {document['close_years']:g} years off"
    lines = [f"{'':16}{'photos':>7}{'estimated':>11}{'within':>24}{close:>24}{'median outside, years':>24}"]
    for part in document["parts"]:
        shares = "".join(f"{bracketed(part.get(name), '.1%'):>24}" for name in ("within", "within_or_close"))
        median = bracketed(part.get("median_outside_years"), ".1f")
        lines.append(f"{part['part']:16}{part['photos']:>7}{part['estimated']:>11}{shares}{median:>24}")
    return "\n".join(lines)
