"""List the reference faces of a build with their estimates and current changes, filtered and sorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.index.files import manifest as manifests
from simsvc.adapters.index.files.face_columns import (
    ESTIMATES,
    PERSONS,
    FaceColumns,
    read_estimates,
    read_person_digests,
)
from simsvc.domain.calibration.site_calibration import correct
from simsvc.domain.gallery.face_changes import FaceChanges, LiveFace
from simsvc.errors import FaceNotFound, IndexDamaged
from simsvc.values.filtering import FaceList, FaceQuery, ListedFace
from simsvc.values.site_calibration import SiteCalibration


@dataclass(frozen=True, slots=True, eq=False)
class FaceFacts:
    """Estimates in years (N,), NaN where missing, and digests of persons (N,), of a build's faces."""

    estimates_years: NDArray[np.float64]
    persons: NDArray[np.bytes_]


def read_facts(folder: Path, faces: FaceColumns) -> FaceFacts:
    """Read the facts of a build's faces; older builds have none. Raises IndexDamaged."""
    files, count = manifests.read(folder).files, len(faces)
    try:
        own = read_estimates(folder) if ESTIMATES in files else np.full((count, 2), np.nan)
        persons = read_person_digests(folder) if PERSONS in files else np.zeros(count, dtype="S1")
    except (OSError, ValueError):
        raise IndexDamaged("estimates", label=folder.name) from None
    shown = np.where(np.isnan(own[:, 1]), own[:, 0], own[:, 1])
    return FaceFacts(shown.astype(np.float64), persons)


class FaceLister:
    """The current faces: those of the build in item order, then added ones."""

    def __init__(
        self,
        faces: FaceColumns,
        facts: FaceFacts,
        added: Sequence[LiveFace],
        changes: FaceChanges,
        calibration: SiteCalibration | None,
    ) -> None:
        self._faces, self._facts, self._changes = faces, facts, changes
        self._added = tuple(added)
        self._calibration = calibration

    def page(self, query: FaceQuery, start: int, count: int) -> FaceList:
        """Return `count` matching faces from position `start`."""
        ages, sources, names = self._ages(), *self._sources()
        kept = np.ones(len(ages), dtype=np.bool_)
        kept[[item for item in map(self._faces.item, self._changes.removed) if item is not None]] = False
        matching = kept & self._matching(query, ages, sources, names)
        items = np.flatnonzero(matching)
        order = items[np.argsort(self._keys(query, ages)[items], kind="stable")]
        used = tuple(sorted({names[number] for number in np.unique(sources[kept])}))
        listed = tuple(self._listed(int(item)) for item in order[start : start + count])
        return FaceList(listed, len(order), int(kept.sum()), used)

    def find(self, face_id: str) -> ListedFace:
        """Return a face of the build; raises FaceNotFound if it is unknown, removed or erased."""
        if face_id in self._changes.erased:
            raise FaceNotFound("erased")
        item = self._faces.item(face_id)
        if face_id not in self._changes.removed:
            if item is not None:
                return self._listed(item)
            for place, live in enumerate(self._added):
                if live.face.face_id == face_id:
                    return self._listed(len(self._faces) + place)
        raise FaceNotFound("build")

    def _ages(self) -> NDArray[np.float64]:
        ages = np.concatenate([self._faces.ages_years, [live.face.age_years for live in self._added]])
        for face_id, age_years in self._changes.ages_years.items():
            if (item := self._faces.item(face_id)) is not None:
                ages[item] = age_years
        return ages

    def _sources(self) -> tuple[NDArray[np.intp], list[str]]:
        numbers, known = self._faces.source_numbers()
        names = [*known, *sorted({live.face.source for live in self._added} - set(known))]
        added = [names.index(live.face.source) for live in self._added]
        return np.concatenate([numbers, np.array(added, dtype=np.intp)]), names

    def _matching(
        self, query: FaceQuery, ages: NDArray[np.float64], sources: NDArray[np.intp], names: Sequence[str]
    ) -> NDArray[np.bool_]:
        matching = np.ones(len(ages), dtype=np.bool_)
        wanted = query.filter
        if wanted.ages_years is not None:
            matching &= (ages >= wanted.ages_years[0]) & (ages <= wanted.ages_years[1])
        if wanted.sources is not None:
            matching &= np.isin(sources, [at for at, name in enumerate(names) if name in wanted.sources])
        if query.persons is not None:
            digests = [digest.encode() for digest in query.persons]
            added = [(live.person or "").encode() in digests for live in self._added]
            matching &= np.concatenate(
                [np.isin(self._facts.persons, digests), np.array(added, dtype=np.bool_)]
            )
        return matching

    def _keys(self, query: FaceQuery, ages: NDArray[np.float64]) -> NDArray[np.float64]:
        if query.sort == "residual":
            added = [self._estimate_of(live) for live in self._added]
            estimates = np.concatenate(
                [self._facts.estimates_years, np.array([np.nan if one is None else one for one in added])]
            )
            apart: NDArray[np.float64] = -np.nan_to_num(np.abs(ages - estimates), nan=-1.0)
            return apart
        return -ages if query.sort == "oldest" else ages

    def _listed(self, item: int) -> ListedFace:
        if item >= len(self._faces):
            live = self._added[item - len(self._faces)]
            return ListedFace(live.face, self._estimate_of(live), live.person, live=True)
        years = float(self._facts.estimates_years[item])
        person = bytes(self._facts.persons[item]).decode() or None
        face = self._changes.relabelled(self._faces[item])
        return ListedFace(face, None if np.isnan(years) else years, person)

    def _estimate_of(self, live: LiveFace) -> float | None:
        if live.estimate_years is None or self._calibration is None:
            return live.estimate_years
        return correct(live.estimate_years, (), self._calibration).age_years
