"""`make bench`: the corridor, its model and the server; prints a table and writes docs/bench.json.

Ratios compare between machines, milliseconds do not. `--bundle FOLDER` measures another model bundle.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from simsvc.engines.bundle import load_bundle
from simsvc.engines.onnx_model import OnnxModel
from simsvc.flows.estimate import answered, estimate
from simsvc.settings import Settings, load_settings
from simsvc.steps.boxes import pick
from simsvc.steps.crop import crop
from simsvc.steps.decode import decode
from simsvc.store.migrate import upgrade
from simsvc.values import Crop
from simsvc.wiring import Services
from tests.bench import server
from tests.bench.timing import Figures, timed
from trainer.corpus import cores

OUT = Path("docs/bench.json")
PHOTOS = {"640 px": (640, 480, 300), "12 megapixels": (4000, 3000, 1400)}
"""Width, height and side of the face's picture, pixels."""


def photo(composite: Path, width_px: int, height_px: int, side_px: int) -> bytes:
    """Return a JPEG of a composite face before a soft ground."""
    ground = Image.effect_noise((width_px // 40, height_px // 40), 25).resize((width_px, height_px))
    canvas, face = ground.convert("RGB"), Image.open(composite).resize((side_px, side_px))
    canvas.paste(face, ((width_px - side_px) // 2, (height_px - side_px) // 2))
    buffer = io.BytesIO()
    canvas.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def corridor_figures(services: Services, data: bytes) -> Figures:
    """Return milliseconds of the whole answer, of what is around detector and model, and of these two."""
    corridor = services.corridor()
    seen = decode(data)
    face = pick(corridor.detector.detect(seen)).face
    made = crop(seen.rgb, face, corridor.model.input_px, corridor.model.crop_margin)
    figures = {
        "answer, recorded": timed(lambda: estimate(data, "bench.jpg", corridor)),
        "answer, in memory": timed(lambda: answered(data, "bench.jpg", corridor)),
        "decode": timed(lambda: decode(data)),
        "detector": timed(lambda: corridor.detector.detect(seen)),
        "model": timed(lambda: corridor.model.predict([made])),
    }
    bare = figures["detector"]["cpu_ms"] + figures["model"]["cpu_ms"]
    figures["answer over detector and model"] = {
        "in_memory": round(figures["answer, in memory"]["cpu_ms"] / bare, 2),
        "recorded": round(figures["answer, recorded"]["cpu_ms"] / bare, 2),
    }
    return figures


def model_figures(settings: Settings) -> Figures:
    """Return milliseconds a face of fp32 and of the served graph, alone and in batches of 32 on all cores."""
    bundle = load_bundle(settings.bundle_dir)
    generator = np.random.default_rng(0)
    shape = (32, bundle.size_px, bundle.size_px, 3)
    crops = [Crop(rgb) for rgb in generator.integers(0, 256, shape, dtype=np.uint8)]
    figures: Figures = {}
    for name, graph in (("fp32", bundle.graph_path), (bundle.served_path.name, bundle.served_path)):
        for threads, batch in ((1, 1), (cores(), 32)):
            predict = OnnxModel(bundle, threads, graph=graph).predict
            one = timed(partial(predict, crops[:batch]), rounds=20 if batch == 1 else 4)
            figures[f"{name}, {threads} threads, batch {batch}"] = {
                "ms_a_face": round(one["p50_ms"] / batch, 2)
            }
    return figures


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--requests", type=int, default=300)
    args = parser.parse_args()
    settings = load_settings()
    settings = replace(settings, bundle_dir=args.bundle or settings.bundle_dir)
    composite = sorted(settings.gallery_dir.glob("*.jpg"))[500]
    photos = {name: photo(composite, *shape) for name, shape in PHOTOS.items()}
    report: dict[str, Figures] = {"model": model_figures(settings)}
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.sqlite3'}"
        own = replace(settings, database_url=url, model_root=Path(folder) / "models")
        services = Services(own)
        upgrade(services.database.engine)
        for name, data in photos.items():
            report[name] = corridor_figures(services, data)
        report["server"] = server.figures(own, services, photos["640 px"], args.requests, Path(folder))
    machine = f"{platform.processor() or platform.machine()}, {cores()} cores, load {os.getloadavg()[0]:.1f}"
    for part, lines in report.items():
        print(part)
        for name, values in lines.items():
            print(f"  {name:34}" + "  ".join(f"{key} {value}" for key, value in values.items()))
    args.out.write_text(json.dumps({"machine": machine, **report}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
