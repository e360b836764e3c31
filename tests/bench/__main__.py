"""`make bench`: the corridor from photo bytes to explained answer, beside its bare detector and model calls.

Prints medians of one run on one thread; only the ratio compares between machines.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from simsvc.flows.estimate import estimate
from simsvc.settings import load_settings
from simsvc.steps.boxes import pick
from simsvc.steps.crop import crop
from simsvc.steps.decode import decode
from simsvc.store.migrate import upgrade
from simsvc.wiring import Services

ROUNDS = 60


def _median_ms(call: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def main() -> int:
    """Measure with the shipped model, gallery index and a composite enlarged to a 640 px photo."""
    settings = load_settings()
    composite = sorted(settings.gallery_dir.glob("*.jpg"))[500]
    buffer = io.BytesIO()
    Image.open(composite).resize((640, 640)).save(buffer, "JPEG", quality=90)
    data = buffer.getvalue()
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.sqlite3'}"
        services = Services(load_settings({"DATABASE_URL": url}))
        upgrade(services.database.engine)
        corridor = services.corridor()
        photo = decode(data)
        face = pick(corridor.detector.detect(photo)).face
        made = crop(photo.rgb, face, corridor.model.input_px, corridor.model.crop_margin)
        whole = _median_ms(lambda: estimate(data, "bench.jpg", corridor))
        detector = _median_ms(lambda: corridor.detector.detect(photo))
        model = _median_ms(lambda: corridor.model.predict([made]))
    print(f"{'640 px JPEG to recorded answer':34}{whole:8.1f} ms")
    print(f"{'bare detector call':34}{detector:8.1f} ms")
    print(f"{'bare model call':34}{model:8.1f} ms")
    print(f"{'answer over bare calls':34}{whole / (detector + model):8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
