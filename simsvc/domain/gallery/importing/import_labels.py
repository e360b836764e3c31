"""Match the rows of a label table with the names of uploaded photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simsvc.domain.files.file_names import last_part
from simsvc.domain.gallery.labels import TWICE, LabelRow, LabelTable
from simsvc.values.face_imports import SkippedRow

LABELS = "labels.csv"
MISSING, OTHER_CASE, TWO_FILES, UNLABELLED = (
    "missing_file",
    "differs_in_case",
    "two_files_of_one_name",
    "no_label",
)
"""Reasons to skip a row or a photo."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Rows with the place of their photo, and what is skipped."""

    photos: tuple[tuple[LabelRow, int], ...]
    skipped: tuple[SkippedRow, ...]


def match_rows(table: LabelTable, paths: Sequence[str], folder: str = "") -> Matched:
    """Find the photo of each row among canonical paths; names in the table are relative to `folder`.

    A row that names no path matches the only photo of that name in any folder.
    """
    places = _Places(paths, folder)
    photos: list[tuple[LabelRow, int]] = []
    skipped = [
        SkippedRow(reference, reason, line)
        for (reference, reason), line in zip(table.problems, table.problem_lines, strict=True)
    ]
    taken: set[int] = set()
    for row in table.rows:
        found = places.find(row.file)
        if isinstance(found, int) and found not in taken:
            taken.add(found)
            photos.append((row, found))
        else:
            skipped.append(SkippedRow(row.file, TWICE if isinstance(found, int) else found, row.line))
    unlabelled = (path for place, path in enumerate(paths) if place not in taken)
    wanted = {entry.reference for entry in skipped}
    skipped += [SkippedRow(path, UNLABELLED) for path in unlabelled if places.named(path) not in wanted]
    return Matched(tuple(photos), tuple(skipped))


def common_folder(path: str) -> str:
    """Return the folder of a canonical path with a slash at its end, or nothing."""
    return path[: len(path) - len(last_part(path))]


class _Places:
    """Photos by path, by path in lower case, and by the last part of the path."""

    def __init__(self, paths: Sequence[str], folder: str) -> None:
        self._folder = folder
        self._by_path: dict[str, list[int]] = {}
        self._by_fold: dict[str, list[int]] = {}
        self._by_last: dict[str, list[int]] = {}
        for place, path in enumerate(paths):
            self._by_path.setdefault(self.named(path), []).append(place)
            self._by_fold.setdefault(self.named(path).casefold(), []).append(place)
            self._by_last.setdefault(last_part(path), []).append(place)

    def named(self, path: str) -> str:
        """Return how the table names a path."""
        return path.removeprefix(self._folder)

    def find(self, file: str) -> int | str:
        """Return the place of a file, or the reason why there is none."""
        for found in (self._by_path.get(file, []), self._by_last.get(last_part(file), [])):
            if len(found) == 1:
                return found[0]
            if found:
                return TWO_FILES
        return OTHER_CASE if file.casefold() in self._by_fold else MISSING
