"""Annoy: a forest of random splits, memory-mapped; many processes share one copy in memory."""

from __future__ import annotations

from pathlib import Path

import annoy
import numpy as np
from numpy.typing import NDArray

from simsvc.engines import manifest as manifests
from simsvc.engines.gallery import Gallery
from simsvc.errors import IndexDamaged, IndexModelMismatch
from simsvc.steps.manifest import METRIC, Manifest
from simsvc.values import FloatVector, LabelledFace, Neighbour, SupportScale

FILE = "faces.annoy"
TREES = 50
SEARCH_K = 20_000
"""Candidates a search inspects. On 21,332 synthetic unit vectors (256 numbers, 24 intrinsic dimensions) 50
trees find 0.993 of the 12 nearest with 10,000 candidates and 0.9996 with 20,000, in 0.8 and 1.5 ms. Detector
and model take several times that, so the neighbours shown may as well be the true ones."""
SEED = 20_170_112
"""Of the splits; any fixed number would do."""
RECALL_K, RECALL_QUERIES = 12, 200
"""Recall is measured of as many faces as an answer shows, with so many of the gallery's own as questions."""
TIE = 1e-6
"""Cosines of float32 rows that differ by less are the same."""


def write_forest(path: Path, embeddings: FloatVector) -> None:
    """Grow a forest over float32 (N, D) by one thread and a fixed seed: same rows, same bytes."""
    forest = annoy.AnnoyIndex(embeddings.shape[1], METRIC)
    for item, row in enumerate(embeddings):
        forest.add_item(item, row.tolist())
    forest.set_seed(SEED)
    forest.build(TREES, 1)
    forest.save(str(path))
    forest.unload()


def measure_recall(path: Path, embeddings: FloatVector) -> float:
    """Return the share of the truly nearest rows that a forest over float32 (N, D) finds, 0..1.

    The questions are rows themselves, spread evenly; the truth is an exact search over all of them.
    """
    forest = annoy.AnnoyIndex(embeddings.shape[1], METRIC)
    forest.load(str(path))
    asked = np.unique(np.linspace(0, len(embeddings) - 1, RECALL_QUERIES).round().astype(int))
    k = min(RECALL_K, len(embeddings))
    rows = embeddings.astype(np.float64)  # the same figures on every machine
    found = [_found_share(forest, rows, row, k) for row in asked]
    forest.unload()
    return round(float(np.mean(found)), 4)


def _found_share(forest: annoy.AnnoyIndex, rows: NDArray[np.float64], row: int, k: int) -> float:
    cosines = rows @ rows[row]
    least = np.partition(cosines, -k)[-k] - TIE
    items = forest.get_nns_by_vector(rows[row].tolist(), k, SEARCH_K)
    return float(np.sum(cosines[items] >= least)) / k


class AnnoyIndex:
    """Index port over one verified build."""

    def __init__(self, folder: Path, model_sha256: str) -> None:
        """Open a build for one model, after checking every file.

        Raises:
            IndexDamaged: a file is not as its manifest states.
            IndexModelMismatch: the build holds embeddings of another model.
        """
        self.manifest = _fitting(folder, model_sha256)
        self.gallery = Gallery(folder)
        self._forest = annoy.AnnoyIndex(self.manifest.dims, METRIC)
        try:
            self._forest.load(str(folder / FILE))
        except OSError:
            raise _damaged(self.manifest) from None
        if not self._forest.get_n_items() == len(self.faces) == self.manifest.count:
            raise _damaged(self.manifest)

    @property
    def label(self) -> str:
        """Name the build as records do: name/build."""
        return self.manifest.label

    @property
    def count(self) -> int:
        """How many faces it holds."""
        return self.manifest.count

    @property
    def support_scale(self) -> SupportScale | None:
        """Tell how far apart its own faces are; None for a build that never measured it."""
        return self.manifest.support

    @property
    def faces(self) -> tuple[LabelledFace, ...]:
        """The labelled faces in item order."""
        return self.gallery.faces

    def embeddings(self) -> FloatVector:
        """Return every embedding, float32 (N, D), in item order."""
        rows = [self._forest.get_item_vector(item) for item in range(self.count)]
        return np.asarray(rows, dtype=np.float32)

    def search(self, embedding: FloatVector, k: int) -> tuple[Neighbour, ...]:
        """Return the k nearest faces of a unit vector (D,), nearest first; all of them where k is larger."""
        search_k = max(self.manifest.search_k, k * self.manifest.trees)
        items, distances = self._forest.get_nns_by_vector(embedding.tolist(), k, search_k, True)
        return tuple(
            Neighbour(self.faces[item].face_id, self.faces[item].age_years, distance)
            for item, distance in zip(items, distances, strict=True)
        )

    def thumbnail(self, face_id: str) -> bytes:
        """Return the face's thumbnail as JPEG bytes.

        Raises:
            FaceNotFound: no such face in this build.
        """
        return self.gallery.thumbnail(face_id)


def _fitting(folder: Path, model_sha256: str) -> Manifest:
    manifest = manifests.read(folder)
    if manifest.model.sha256 != model_sha256:
        raise IndexModelMismatch(
            f"The index {manifest.label} was built with another model ({manifest.model.version}) than "
            "the one in service, so its distances would mean nothing. "
            "Build it again with the model in service: `flask index build`."
        )
    return manifests.verify(folder)


def _damaged(manifest: Manifest) -> IndexDamaged:
    return IndexDamaged(
        f"The index {manifest.label} cannot be opened: {FILE} does not hold what its manifest states. "
        "Build the index again: `flask index build`."
    )
