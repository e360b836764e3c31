"""libfacedetection's network in ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simsvc.adapters.inference.bundle import Bundle
from simsvc.adapters.inference.onnx_model import session_options
from simsvc.adapters.ops.atomic_files import difference
from simsvc.adapters.ops.permissions import reading, shown_path
from simsvc.domain.gallery.manifest import Fingerprint
from simsvc.domain.photo.detector_output import CHANNELS, cells, faces_of, padded
from simsvc.domain.photo.multiscale import WORKING_SIDE_PX, detect_multiscale
from simsvc.errors import BundleUnreadable, DetectorDamaged
from simsvc.messages import N_, Message
from simsvc.values import Face, Photo, RgbImage

DETECTOR_DIR = Path(__file__).resolve().parents[2] / "bundle" / "detector"
"""Folder of the shipped detector, written by `python -m trainer detector-export`."""
DOCUMENT, GRAPH = "manifest.json", "detector.onnx"
INPUT, OUTPUT = "rgb", "maps"
FORMAT = 1


class OnnxDetector:
    """Detector port. Create it after the worker forked; it is thread-safe."""

    def __init__(
        self,
        working_side_px: int = WORKING_SIDE_PX,
        first_look_px: int | None = None,
        folder: Path = DETECTOR_DIR,
    ) -> None:
        """Look at photos as `domain.photo.multiscale.detect_multiscale` does.

        Raises DetectorDamaged if files are missing or do not match the manifest.
        """
        self._session = _session(whole_graph(folder))
        self._sides_px = working_side_px, first_look_px

    def detect(self, photo: Photo) -> tuple[Face, ...]:
        """Return every face found, largest first, in pixels of `photo.rgb`."""
        return detect_multiscale(photo, self.look, *self._sides_px)

    def look(self, rgb: RgbImage) -> list[Face]:
        """Return the faces of one picture; raises DetectorDamaged if the output is not valid."""
        picture = padded(rgb)
        height_px, width_px = picture.shape[:2]
        (maps,) = self._session.run([OUTPUT], {INPUT: picture})
        if maps.shape != (CHANNELS, cells(height_px, width_px)):
            raise _damaged(Message(N_("its output is not that of a face detector")))
        return faces_of(maps, height_px, width_px)


def detector_of(bundle: Bundle) -> OnnxDetector:
    """Return the detector with the settings of a model; raises DetectorDamaged if it cannot be used."""
    return OnnxDetector(bundle.working_side_px, bundle.first_look_px)


def whole_graph(folder: Path = DETECTOR_DIR) -> Path:
    """Return the verified graph file.

    Raises DetectorDamaged if a file is missing or does not match the manifest, BundleUnreadable if a file is
    not readable.
    """
    try:
        document = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
        stated = document["files"][GRAPH]
        files = {GRAPH: Fingerprint(stated["sha256"], stated["bytes"])}
    except PermissionError as error:
        raise BundleUnreadable(file=shown_path(error)) from None
    except (KeyError, OSError, TypeError, ValueError):
        raise _damaged(Message(N_("%(file)s is missing or not valid"), {"file": DOCUMENT})) from None
    with reading(BundleUnreadable):
        known = document.get("format") == FORMAT
        problem = difference(folder, files) if known else Message(N_("its format is unknown"))
    if problem:
        raise _damaged(problem)
    return folder / GRAPH


def _session(graph: Path) -> Any:
    """Open the graph, with ONNX Runtime's memory arena.

    Pictures are at most the working size, which limits the arena. After hundreds of photos, processes used
    less memory with it than without, for one, two and four threads.
    """
    import onnxruntime  # noqa: PLC0415 - importing it starts threads, which do not survive a fork

    options = session_options(1)  # one thread per photo
    options.enable_mem_pattern = False  # memory planning assumes one input shape; photos have many
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001, RUF100 - ONNX Runtime's errors share no base but Exception
        raise _damaged(Message(N_("it cannot be loaded (%(error)s)"), {"error": str(error)})) from None
    ports = [port.name for port in (*session.get_inputs(), *session.get_outputs())]
    if ports != [INPUT, OUTPUT]:
        ends = {"input": INPUT, "output": OUTPUT}
        raise _damaged(Message(N_("its graph must take `%(input)s` and return `%(output)s`"), ends))
    return session


def _damaged(problem: Message) -> DetectorDamaged:
    return DetectorDamaged(problem=problem)
