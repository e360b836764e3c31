"""IMDB-WIKI: celebrity photos with age from birth date and year taken.

Source: R. Rothe, R. Timofte, L. Van Gool, "Deep expectation of real and apparent age from a single image
without facial landmarks", IJCV 2018; https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/ describes imdb.mat
and wiki.mat: one struct of 1 x N fields dob (Matlab serial date), photo_taken (year), full_path, gender
(0 female, 1 male, NaN unknown), name, face_location, face_score (-inf: no face), second_face_score (NaN: no
second face), and for imdb celeb_names, celeb_id.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.domain.gallery.labels import Gender, safe_relative_path
from simsvc.errors import LabelsUnreadable
from trainer.datasets.formats.rows import Row, SourceListing

MIN_FACE_SCORE = 3.5  # detections below are often no faces. Source: the filter of the origin's age model
MIN_AGE_YEARS = 1
MAX_AGE_YEARS = 100  # ages outside come from wrong dates. Source: as MIN_FACE_SCORE
MATLAB_TO_PYTHON_DAYS = 366
"""Matlab counts days from year 0, Python's ordinals from year 1, and year 0 was a leap year."""
_NUMBERS = ("dob", "photo_taken", "gender", "face_score", "second_face_score")
_TEXTS = ("full_path", "name")

Numbers = dict[str, NDArray[np.float64]]
Texts = dict[str, list[str]]


def read(path: Path, source: str) -> SourceListing:
    """Read a folder with wiki.mat or imdb.mat and the photos; filtered photos are problems.

    Raises:
        LabelsUnreadable: the .mat file is missing, damaged or of another shape.
    """
    database = source.partition(":")[0]
    numbers, texts = _load(path / f"{database}.mat", database)
    reasons = _reasons(numbers)
    rows: list[Row] = []
    problems: list[tuple[str, str]] = []
    for at, name in enumerate(tqdm(texts["full_path"], "photos listed", unit=" photos", delay=2)):
        try:
            if reasons[at]:
                raise ValueError(reasons[at])
            rows.append(_row(path, numbers, texts, at, source))
        except ValueError as error:
            problems.append((name if name.isprintable() else repr(name), str(error)))
    return SourceListing(tuple(rows), tuple(problems))


def completed_years(dob: float, photo_taken: float) -> float:
    """Return the age on 1 July of the year taken, or NaN where the dates make no sense.

    Source: the page's own `[age,~] = datevec(datenum(wiki.photo_taken,7,1) - wiki.dob)`.
    """
    if not (np.isfinite(dob) and np.isfinite(photo_taken)):
        return float("nan")
    ordinal = int(dob) - MATLAB_TO_PYTHON_DAYS
    if not 1 <= ordinal <= date.max.toordinal():
        return float("nan")
    born = date.fromordinal(ordinal)
    return float(int(photo_taken) - born.year - ((born.month, born.day) > (7, 1)))


def _reasons(numbers: Numbers) -> list[str]:
    """Return for each photo why the origin's filters leave it out, or ""."""
    dates = zip(numbers["dob"], numbers["photo_taken"], strict=True)
    numbers["age_years"] = ages = np.array([completed_years(*each) for each in dates])
    with np.errstate(invalid="ignore"):
        failures = (
            (~np.isfinite(numbers["face_score"]), "no face was found in it"),
            (numbers["face_score"] < MIN_FACE_SCORE, f"the face score is below {MIN_FACE_SCORE}"),
            (~np.isnan(numbers["second_face_score"]), "a second face was found in it"),
            (np.isnan(ages), "the birth date or the year taken is unusable"),
            ((ages < MIN_AGE_YEARS) | (ages > MAX_AGE_YEARS), "the age lies outside 1..100"),
        )
    whys = np.select([failed for failed, _ in failures], [why for _, why in failures], "")
    return [str(why) for why in whys]


def _row(root: Path, numbers: Numbers, texts: Texts, at: int, source: str) -> Row:
    reference = safe_relative_path(texts["full_path"][at])
    photo = root / reference
    if not photo.is_file():
        raise ValueError("the photo is missing")
    genders: dict[float, Gender] = {0.0: "female", 1.0: "male"}
    age_years = float(numbers["age_years"][at])
    person = texts["name"][at].strip() or None
    return Row(photo, age_years, source, reference, person, genders.get(float(numbers["gender"][at])))


def _load(mat: Path, database: str) -> tuple[Numbers, Texts]:
    struct = _struct(mat, database)
    try:
        numbers = {name: np.asarray(struct[name].ravel(), dtype=np.float64) for name in _NUMBERS}
        texts = {name: [_text(cell) for cell in struct[name].ravel()] for name in _TEXTS}
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise _unreadable(mat, f"its struct '{database}' is not of the published shape: {error}") from None
    lengths = {*map(len, numbers.values()), *map(len, texts.values())}
    if len(lengths) != 1:
        raise _unreadable(mat, f"the fields of its struct '{database}' differ in length")
    return numbers, texts


def _struct(mat: Path, database: str) -> Any:  # noqa: ANN401, RUF100 - a Matlab struct has no static type
    from scipy.io import loadmat  # noqa: PLC0415 - scipy is loaded only for this source

    if not mat.is_file():
        raise LabelsUnreadable(
            f"{mat.name} is missing in {mat.parent}. Unpack the archive with its .mat file."
        )
    try:
        return loadmat(mat, variable_names=[database])[database][0, 0]
    except Exception as error:  # noqa: BLE001, RUF100 - a damaged .mat raises zlib.error, struct.error, TypeError ...
        raise _unreadable(mat, str(error)) from None


def _unreadable(mat: Path, why: str) -> LabelsUnreadable:
    return LabelsUnreadable(f"{mat.name} cannot be read ({why}). Unpack the archive again.")


def _text(cell: Any) -> str:  # noqa: ANN401, RUF100 - a Matlab cell: array of one string, or empty
    values = np.asarray(cell).ravel()
    return str(values[0]) if values.size else ""
