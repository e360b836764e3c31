"""What the service makes of photos: every step from decoding to support, in batches, nothing recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.adapters.inference.bundle import Bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.estimate import support
from simsvc.domain.photo import quality
from simsvc.domain.photo.crop import CROP_MARGIN, crop, cut
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick
from simsvc.domain.photo.upright import looked_at
from simsvc.errors import FaceError, PhotoError, SourceEmpty
from simsvc.values import Crop, FloatVector, Quality, SupportScale
from trainer.datasets.corpus import Corpus
from trainer.evaluation.measures.ranges import doubt_of, doubts

ESTIMATED = "estimated"
BATCH = 64
BLOCK = 64  # Items whose photos are in memory at once
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What the service makes of N photos, in their order."""

    outcomes: tuple[str, ...]  # "estimated" or the refusal's code
    qualities: tuple[Quality | None, ...]  # or None where it was refused
    estimates_years: NDArray[np.float64]  # (N,), NaN where it was refused
    doubts: NDArray[np.float64]  # (N,), doubt scores, NaN where it was refused or the bundle has none
    embeddings: FloatVector  # float32 (N, D), NaN where it was refused

    @property
    def estimated(self) -> NDArray[np.bool_]:
        """Which photos have an estimate: bool (N,)."""
        return np.isfinite(self.estimates_years)

    def measured(self, attribute: str) -> NDArray[np.float64]:
        """Return one attribute of the qualities, float64 (N,), NaN where it is not known."""
        values = (getattr(found, attribute, None) for found in self.qualities)
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    def of(self, positions: Sequence[int]) -> Judged:
        """Return some of the photos."""
        return Judged(
            tuple(self.outcomes[at] for at in positions),
            tuple(self.qualities[at] for at in positions),
            self.estimates_years[list(positions)],
            self.doubts[list(positions)],
            self.embeddings[list(positions)],
        )


def joined(parts: Sequence[Judged]) -> Judged:
    """Return the photos of all parts, at least one, one part after another."""
    return Judged(
        tuple(outcome for part in parts for outcome in part.outcomes),
        tuple(found for part in parts for found in part.qualities),
        np.concatenate([part.estimates_years for part in parts]),
        np.concatenate([part.doubts for part in parts]),
        np.concatenate([part.embeddings for part in parts]),
    )


class Judge:
    """The service's steps before a search, with the engines of one bundle."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self._model, self._doubt = OnnxModel(bundle, threads), doubt_of(bundle)
        self._detector = detector_of(bundle)
        self._threads = threads

    def judge(
        self, items: Sequence[Item], photos: Callable[[Item], Sequence[bytes]], what: str
    ) -> list[Judged]:
        """Estimate the photo files of every item: for each of the V files, what was made of it in all items.

        There is at least one item, and `photos` gives as many files of every one.
        """
        rows: list[list[_Prepared | str]] = []
        estimated: list[_Estimated] = []
        with ThreadPoolExecutor(self._threads) as pool:
            for start in tqdm(range(0, len(items), BLOCK), desc=what, unit="block"):
                block = list(
                    pool.map(
                        lambda item: [self._prepared(data) for data in photos(item)],
                        items[start : start + BLOCK],
                    )
                )
                crops = [made.crop for row in block for made in row if isinstance(made, _Prepared)]
                estimated += self._predicted(crops)
                rows += [[_without_crop(made) for made in row] for row in block]
        return _by_view(rows, estimated, self._model.dims)

    def embeddings(self, corpus: Corpus, split: str, limit: int | None) -> FloatVector:
        """Return float32 (N, D) of a split's faces, cut where the pack found them, all or so many at random.

        Raises:
            SourceEmpty: fewer faces than support needs.
        """
        positions = drawn(corpus.positions(split), limit)
        if len(positions) <= support.K:
            raise SourceEmpty(
                f"The {split} part has {len(positions)} faces; support needs more than {support.K}. Add some."
            )
        found = []
        with ThreadPoolExecutor(self._threads) as pool:
            for start in tqdm(range(0, len(positions), BLOCK), desc="gallery", unit="block"):
                block = positions[start : start + BLOCK].tolist()
                found += self._predicted(list(pool.map(lambda at: self._packed(corpus, at), block)))
        return np.concatenate([each.embeddings for each in found])

    def _prepared(self, data: bytes) -> _Prepared | str:
        try:
            photo = decode(data, reading=self._model.reading)
            right = looked_at(photo, self._detector.detect, self._model.reading)
            photo, face = right.photo, pick(right.faces).face
        except (PhotoError, FaceError) as refusal:
            return refusal.code
        margin = self._model.crop_margin
        made = crop(photo.rgb, face, self._model.input_px, margin)
        return _Prepared(made, quality.measure(photo, face, margin))

    def _packed(self, corpus: Corpus, position: int) -> Crop:
        """Cut the crop out of its photo again: a packed one has been resized already."""
        left, top, side, confidence = corpus.pack.boxes[position].astype(np.float64).tolist()
        wider = side * (self._model.crop_margin / CROP_MARGIN if confidence else 1.0)
        edge = (wider - side) / 2
        photo = decode(corpus.data.rows[position].path.read_bytes())
        return Crop(cut(photo.rgb, left - edge, top - edge, wider, self._model.input_px))

    def _predicted(self, crops: Sequence[Crop]) -> list[_Estimated]:
        batches = (crops[start : start + BATCH] for start in range(0, len(crops), BATCH))
        predictions = (self._model.predict(batch) for batch in batches)
        return [
            _Estimated(found.ages_years.astype(np.float64), doubts(found, self._doubt), found.embeddings)
            for found in predictions
        ]


@dataclass(frozen=True, slots=True, eq=False)
class _Estimated:
    """What the model makes of a batch of crops."""

    ages_years: NDArray[np.float64]
    doubts: NDArray[np.float64]
    embeddings: FloatVector


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    crop: Crop
    quality: Quality


_NO_PIXELS = Crop(np.zeros((1, 1, 3), dtype=np.uint8))


def _without_crop(made: _Prepared | str) -> _Prepared | str:
    """Drop the pixels: those of a whole data set would fill the memory."""
    return made if isinstance(made, str) else _Prepared(_NO_PIXELS, made.quality)


def _by_view(
    rows: Sequence[Sequence[_Prepared | str]],
    estimated: Sequence[_Estimated],
    dims: int,
) -> list[Judged]:
    """Put the estimates, which come item by item, back in their places, and part the views."""
    shape = (len(rows), len(rows[0]))
    accepted = np.array([[isinstance(made, _Prepared) for made in row] for row in rows]).reshape(shape)
    ages_years, scores = np.full(shape, np.nan), np.full(shape, np.nan)
    embeddings = np.full((*shape, dims), np.nan, dtype=np.float32)
    if estimated:
        ages_years[accepted] = np.concatenate([each.ages_years for each in estimated])
        scores[accepted] = np.concatenate([each.doubts for each in estimated])
        embeddings[accepted] = np.concatenate([each.embeddings for each in estimated])
    return [
        Judged(
            tuple(made if isinstance(made, str) else ESTIMATED for made in view),
            tuple(None if isinstance(made, str) else made.quality for made in view),
            ages_years[:, at],
            scores[:, at],
            embeddings[:, at],
        )
        for at, view in enumerate(zip(*rows, strict=True))
    ]


def drawn(positions: NDArray[np.int64], limit: int | None) -> NDArray[np.int64]:
    """Return at most so many of the positions, drawn at random, always the same ones, in their order."""
    if limit is None or len(positions) <= limit:
        return positions
    return np.sort(np.random.default_rng(0).permutation(positions)[: max(0, limit)])


def supports(embeddings: FloatVector, gallery: FloatVector, scale: SupportScale) -> NDArray[np.float64]:
    """Return the support of N faces, by exact search: float64 (N,), NaN where the embedding is."""
    found = np.full(len(embeddings), np.nan)
    known = np.flatnonzero(np.isfinite(embeddings).all(axis=1))
    for start in range(0, len(known), support.ROWS_A_BLOCK):
        block = known[start : start + support.ROWS_A_BLOCK]
        cosines = embeddings[block] @ gallery.T
        kth = -np.partition(-cosines, scale.k - 1, axis=1)[:, scale.k - 1].astype(np.float64)
        distances = np.sqrt(2.0 * (1.0 - kth.clip(-1.0, 1.0)))
        found[block] = [support.share_as_far(distance, scale) for distance in distances.tolist()]
    return found
