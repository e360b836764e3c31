"""The model bundle: model.onnx, other graphs of the same model, and model.json with their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simsvc.adapters.ops.atomic_files import difference
from simsvc.adapters.ops.permissions import reading, shown_path
from simsvc.domain.estimate.age_distribution import AGES
from simsvc.domain.gallery.manifest import Fingerprint
from simsvc.domain.photo.decode import AS_STORED
from simsvc.errors import BundleDamaged, BundleMissing, BundleUnreadable
from simsvc.messages import N_, Message
from simsvc.values import FloatVector, Prediction

FORMAT = 1
GRAPH = "model.onnx"
INT8_GRAPH = "model.int8.onnx"
"""The int8 graph, optional; see `python -m trainer quantize`."""
DOCUMENT = "model.json"
OUTPUTS = ("age_years", "embedding")
"""Outputs of every graph."""
LATER_OUTPUTS = ("age_shares", "view_ages_years")
"""Optional outputs of a distribution head: see `Prediction`."""
UNIT_SUM_TOLERANCE = 1e-3
"""Tolerance for the sum of the shares, far above float32 rounding and far below any defect."""
UNIT_LENGTH_TOLERANCE = 1e-3
"""Tolerance for the length of an embedding, far above float32 rounding and far below any defect."""


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A verified bundle.

    Attributes:
        sha256: of model.onnx, the model's identity.
        dims: D, length of an embedding.
        size_px: S, side of its crops.
        mean: by channel, of pixels in 0..1.
        std: by channel, of pixels in 0..1.
        margin: side of the crop over the longer side of the detector's box.
        working_side_px: longer side for the detector.
        first_look_px: longer side for the detector's first look, or None.
        first_decode_px: minimum longer side of a first-decoded JPEG, or None.
        reading: how photos are read: see `domain.photo.decode.READING`.
        raw: all of model.json.
        document_sha256: of model.json, the identity of the whole bundle.
    """

    folder: Path
    name: str
    version: str
    sha256: str
    dims: int
    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    margin: float
    working_side_px: int
    first_look_px: int | None
    first_decode_px: int | None
    reading: int
    files: dict[str, Fingerprint]
    raw: dict[str, Any]
    document_sha256: str

    @property
    def point(self) -> str:
        """The estimate of an age distribution: "mean" (default) or "median"."""
        return str(self.raw.get("arch", {}).get("point", "mean"))

    @property
    def graph_path(self) -> Path:
        """Path of model.onnx."""
        return self.folder / GRAPH

    @property
    def served_path(self) -> Path:
        """Path of the graph for estimates: int8 if the bundle has one."""
        return self.folder / (INT8_GRAPH if INT8_GRAPH in self.files else GRAPH)


class BundledModel:
    """Facts from the bundle for the model port, independent of the engine."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.version, self.sha256, self.dims = bundle.version, bundle.sha256, bundle.dims
        self.input_px, self.crop_margin = bundle.size_px, bundle.margin
        self.first_decode_px, self.reading, self.point = bundle.first_decode_px, bundle.reading, bundle.point
        self.at_once = 1


def load_bundle(folder: Path) -> Bundle:
    """Read model.json and verify every file it names.

    Raises BundleMissing if there is no model.json; BundleDamaged if the format is unknown, or a file does not
    match; BundleUnreadable if a file is not readable.
    """
    bundle = load_document(folder)
    with reading(BundleUnreadable):
        problem = difference(folder, bundle.files)
    if problem:
        raise _damaged(problem)
    return bundle


def load_document(folder: Path) -> Bundle:
    """Read model.json only, to display it.

    Raises BundleMissing if there is no model.json, BundleDamaged if the format is unknown, BundleUnreadable
    if the file is not readable.
    """
    try:
        text = (folder / DOCUMENT).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise BundleMissing() from None
    except PermissionError as error:
        raise BundleUnreadable(file=shown_path(error)) from None
    except OSError:
        raise _damaged(Message(N_("its model.json is not valid"))) from None
    return parse_document(folder, text)


def parse_document(folder: Path, text: bytes) -> Bundle:
    """Return the bundle that a model.json describes; raises BundleDamaged if the format is unknown."""
    try:
        return _bundle(folder, json.loads(text), hashlib.sha256(text).hexdigest())
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _damaged(Message(N_("its model.json is not valid"))) from None


def checked(bundle: Bundle, found: Mapping[str, FloatVector]) -> Prediction:
    """Return the validated prediction of one pass.

    Raises BundleDamaged if a value is not finite, an embedding does not have D numbers and unit length, or
    shares are not 101 numbers that sum to 1.
    """
    ages_years, embeddings = (found[name] for name in OUTPUTS)
    age_shares, view_ages_years = (found.get(name) for name in LATER_OUTPUTS)
    if embeddings.shape[1:] != (bundle.dims,):
        raise _damaged(
            Message(
                N_("its embeddings do not have the %(dims)s numbers of its model.json"), {"dims": bundle.dims}
            )
        )
    lengths = np.linalg.norm(embeddings, axis=1)
    if not np.isfinite(ages_years).all() or not np.all(np.abs(lengths - 1) < UNIT_LENGTH_TOLERANCE):
        raise _damaged(
            Message(N_("it returned an age that is not a number, or an embedding without unit length"))
        )
    if age_shares is not None and not _are_shares(age_shares):
        raise _damaged(Message(N_("its shares of the ages 0 to 100 do not sum to 1")))
    if view_ages_years is not None and not np.isfinite(view_ages_years).all():
        raise _damaged(Message(N_("it returned an age that is not a number")))
    return Prediction(ages_years, embeddings, age_shares, view_ages_years)


def _are_shares(rows: FloatVector) -> bool:
    if rows.shape[1:] != (AGES,) or not np.isfinite(rows).all() or (rows < 0).any():
        return False
    return bool(np.all(np.abs(rows.sum(axis=1, dtype=np.float64) - 1) < UNIT_SUM_TOLERANCE))


def _bundle(folder: Path, raw: dict[str, Any], document_sha256: str) -> Bundle:
    if raw["format"] != FORMAT:
        raise ValueError(f"format {raw['format']}")
    entry, crop = raw["input"], raw["crop"]
    return Bundle(
        folder=folder,
        name=str(raw["name"]),
        version=str(raw["version"]),
        sha256=str(raw["files"][GRAPH]["sha256"]),
        dims=_positive(raw["dims"]),
        size_px=_positive(entry["size_px"]),
        mean=_channels(entry["mean"]),
        std=_channels(entry["std"]),
        margin=float(crop["margin"]),
        working_side_px=_positive(crop["working_side_px"]),
        first_look_px=_positive(crop["first_look_px"]) if "first_look_px" in crop else None,
        first_decode_px=_positive(crop["first_decode_px"]) if "first_decode_px" in crop else None,
        reading=_positive(crop.get("reading", AS_STORED)),
        files=_files(raw),
        raw=raw,
        document_sha256=document_sha256,
    )


def _files(raw: dict[str, Any]) -> dict[str, Fingerprint]:
    files = {str(name): Fingerprint(entry["sha256"], entry["bytes"]) for name, entry in raw["files"].items()}
    if any("/" in name or "\\" in name or name.startswith(".") for name in files):
        raise ValueError("a file outside the bundle")
    return files


def _positive(value: object) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} is not a positive whole number")
    return value


def _channels(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _damaged(problem: Message) -> BundleDamaged:
    return BundleDamaged("files", problem=problem)
