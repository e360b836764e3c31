"""The model bundle: model.onnx, model.safetensors and model.json, which vouches for both."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simsvc.engines.durable_files import difference
from simsvc.errors import BundleDamaged, BundleMissing
from simsvc.steps.manifest import Fingerprint
from simsvc.values import FloatVector, Prediction

FORMAT = 1
GRAPH = "model.onnx"
INT8_GRAPH = "model.int8.onnx"
"""The same model in 8-bit integers, there only where it is as good: see `python -m trainer quantize`."""
DOCUMENT = "model.json"
UNIT_LENGTH_TOLERANCE = 1e-3
"""How far an embedding's length may lie from 1: far more than float32 rounding, far less than any defect."""


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A verified bundle.

    Attributes:
        folder: where its files lie.
        name: of the architecture.
        version: short name, shown to people.
        sha256: of model.onnx: the model's identity.
        dims: D, length of an embedding.
        size_px: S, side of the crops it takes.
        mean: by channel, of pixels in 0..1.
        std: by channel, of pixels in 0..1.
        margin: side of the crop over the longer side of the detector's box.
        working_side_px: longer side at which the detector looks.
        first_look_px: longer side at which it looks before, or None.
        first_decode_px: longer side that a JPEG keeps at least when it is first decoded, or None.
        files: name to fingerprint, of the files it vouches for.
        raw: all of model.json.
        document_sha256: of model.json, which states the sha256 of every other file: the whole's identity.
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
    files: dict[str, Fingerprint]
    raw: dict[str, Any]
    document_sha256: str

    @property
    def reading(self) -> int:
        """How photos are read and compared with this model: 1 where model.json says nothing of it."""
        return int(self.raw.get("reading", 1))

    @property
    def graph_path(self) -> Path:
        """Where model.onnx lies."""
        return self.folder / GRAPH

    @property
    def served_path(self) -> Path:
        """Where the graph lies that estimates are made with: int8 where the bundle vouches for one."""
        return self.folder / (INT8_GRAPH if INT8_GRAPH in self.files else GRAPH)


class BundledModel:
    """What the model port says of a model, whichever engine runs it: its bundle's own facts."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    @property
    def version(self) -> str:
        """Short name of the bundle, shown to people."""
        return self._bundle.version

    @property
    def sha256(self) -> str:
        """Of model.onnx: an index is valid for exactly one, whichever engine ran it."""
        return self._bundle.sha256

    @property
    def dims(self) -> int:
        """D, the length of an embedding."""
        return self._bundle.dims

    @property
    def input_px(self) -> int:
        """S, the side of the crops that `predict` takes."""
        return self._bundle.size_px

    @property
    def crop_margin(self) -> float:
        """Side of the crop over the longer side of the detector's box."""
        return self._bundle.margin

    @property
    def first_decode_px(self) -> int | None:
        """Longer side that a JPEG keeps at least when it is first decoded; None: all of it."""
        return self._bundle.first_decode_px


def load_bundle(folder: Path) -> Bundle:
    """Read model.json and check every file it names against its sha256.

    Raises:
        BundleMissing: there is no model.json.
        BundleDamaged: of another format, or a file is not as model.json states.
    """
    bundle = load_document(folder)
    problem = difference(folder, bundle.files)
    if problem:
        raise _damaged(problem)
    return bundle


def load_document(folder: Path) -> Bundle:
    """Read model.json alone, for what shows it and does not run the model.

    Raises:
        BundleMissing: there is no model.json.
        BundleDamaged: of another format.
    """
    try:
        text = (folder / DOCUMENT).read_bytes()
        return _bundle(folder, json.loads(text), hashlib.sha256(text).hexdigest())
    except (FileNotFoundError, NotADirectoryError):
        raise BundleMissing(
            "There is no model: the bundle folder holds no model.json. Install simsvc again, "
            "or write a bundle with `python -m trainer export`."
        ) from None
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        raise _damaged("its model.json cannot be understood") from None


def checked(bundle: Bundle, ages_years: FloatVector, embeddings: FloatVector) -> Prediction:
    """Return the prediction of one pass, or refuse a model whose answer makes no sense.

    Raises:
        BundleDamaged: a value is not finite, or an embedding is not of D numbers and unit length.
    """
    if embeddings.shape[1:] != (bundle.dims,):
        raise _damaged(f"its embeddings are not of the {bundle.dims} numbers that model.json states")
    lengths = np.linalg.norm(embeddings, axis=1)
    if not np.isfinite(ages_years).all() or not np.all(np.abs(lengths - 1) < UNIT_LENGTH_TOLERANCE):
        raise _damaged("it answers with an age that is no number, or an embedding that is not of unit length")
    return Prediction(ages_years, embeddings)


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


def _damaged(problem: str) -> BundleDamaged:
    return BundleDamaged(
        f"The model cannot be used: {problem}. Install simsvc again, or export the bundle anew."
    )
