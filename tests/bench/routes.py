"""`python -m tests.bench.routes`: what one request to each route costs, on a database with records.

Prints processor time of an ordinary request, and the most memory that a request takes beyond what the worker
had: one with the largest body, query and headers that are accepted, and the largest photo that is judged.
`--write` puts the table into docs/reference/routes.md.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.values import DecisionDraft, Declaration
from simsvc.web.app import create_app
from simsvc.web.traffic.body_size import MOST_BYTES, MOST_TEXT_BYTES
from simsvc.web.traffic.work import WORK
from tests.bench.machine import status_mb
from tests.simsvc.web.programs import bearer
from tests.simsvc.web.signed_in import account, client_of
from tests.small_site import drawn_photo, make_small_site

RECORDS = 2_000
BIG_PX = (6_000, 4_000)
"""24 megapixels, as telephones and cameras make them."""
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "routes.md"
NOBODY = "0" * 32
HEADING = """---
hide: [toc]
---

# What each route costs

Written by `make routes`, in one process, with {records:,} records of one case.

- *Processor* is the processor time of an ordinary request.
- *Memory* is the most that a request added to the memory of the process, with the largest body, query and
  headers that are accepted, and with a photo of 24 megapixels where the route takes one. No photo can make
  the decoder use more than 500 MB.
- *Work* is the kind of work (`simsvc/web/traffic/work.py`): `judging` decodes photos or runs the model,
  `taking_in` unpacks a batch, `hashing` hashes a password, `walking` reads any number of records or draws a
  PDF, and `light` is everything else.

At any time, a worker runs at most two requests of `judging`, two of `walking`, one of `taking_in` and one of
`hashing`. So it needs at most its memory at rest, these numbers times the largest figure of each kind, and
256 kB for each of up to 1,000 connections. The rest of a body that is being received, or that waits, is in a
temporary file.

| route | work | body, at most | processor, ms | memory, MB |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a route: as it usually is, and as large as it may be."""

    path: str
    usual: Callable[[], int]
    largest: Callable[[], int]


def filled(settings: Settings, records: int = RECORDS) -> tuple[Flask, dict[str, str]]:
    """Return an application with records, and what addresses of its routes need."""
    app = create_app(settings)
    services = app.extensions["simsvc"]
    first = estimate(drawn_photo(73), "b.jpg", services.pipeline(), declared=Declaration("F-1"))
    for _ in range(records):
        services.estimates.record(replace(first.estimate, declared=Declaration("F-1")))
    services.decisions.add(first.id, DecisionDraft("refer", note="see"), NOBODY, 0, services.now())
    batch = services.batches.take_in([("a.jpg", drawn_photo(1))] * 50, "a.jpg", NOBODY, dict)
    name, _, build = str(first.estimate.index).partition("/")
    face = first.estimate.neighbours[0].face_id
    return (
        app,
        {
            "public_id": first.id,
            "index_name": name,
            "build_id": build,
            "face_id": face,
            "batch_id": batch,
            "import_id": NOBODY,
            "position": "0",
            "reference": "F-1",
            "rank": "1",
            "name": "calibration",
            "sha256": str(first.estimate.model_sha256),
            "token": "none",
            "token_id": "none",
            "referral_id": "none",
            "step": "take",
            "user_id": NOBODY,
            "view_id": NOBODY,
            "filename": "simsvc.css",
            "form": "csv",
            "number": "1",
            "level": "0",
            "tile_path": "000.p/1",
        },
    )


def big_photo() -> bytes:
    """Return a JPEG of 24 megapixels with a face in it."""
    picture = Image.open(io.BytesIO(drawn_photo(3))).resize(BIG_PX)
    noisy = np.asarray(picture).astype(np.int16) + np.random.default_rng(0).integers(
        -9, 9, (BIG_PX[1], BIG_PX[0], 1)
    )
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def measured(call: Callable[[], int]) -> tuple[int, float, float]:
    """Return the status, milliseconds of processor time, and the most megabytes beyond those before."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed before is not to hide what is taken now
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew. Source: proc(5)
    before = status_mb("VmRSS")
    status, spent_ms = timed(call)
    return status, spent_ms, max(0.0, status_mb("VmHWM") - before)


def timed(call: Callable[[], int]) -> tuple[int, float]:
    """Return the status and the milliseconds of processor time."""
    began_s = time.thread_time()  # not what other threads of the process do
    status = call()
    return status, (time.thread_time() - began_s) * 1e3


def calls(app: Flask, values: dict[str, str], photo: bytes) -> dict[str, Call]:
    """Return a call of each endpoint."""
    head = bearer(app)
    found: dict[str, Call] = {}
    for number, rule in enumerate(app.url_map.iter_rules()):
        endpoint = rule.endpoint
        kept = {name: values[name] for name in rule.arguments}
        with app.test_request_context():
            path = app.url_for(endpoint, **kept)
        api = path.startswith(("/api/", "/metrics"))
        person = account(app, "admin", f"admin {number}")  # some routes end every session of their account
        client = app.test_client() if api else client_of(app, person)
        found[endpoint] = _call(client, path, endpoint, head if api else {}, photo, rule.methods)
    return found


def _call(
    client: FlaskClient,
    path: str,
    endpoint: str,
    headers: dict[str, str],
    photo: bytes,
    methods: set[str] | None,
) -> Call:
    small, large_query = drawn_photo(5), {"q": "x" * 30_000}
    if "GET" in (methods or ()):
        plain = "api/" in path or "?" in path
        return Call(
            path,
            lambda: _drained(client.get(path, headers=headers)),
            lambda: _drained(client.get(path, headers=headers, query_string=None if plain else large_query)),
        )
    work, several = WORK[endpoint], endpoint in ("pages.create", "api_estimates.create_batch")
    name = "photos" if endpoint == "batches.create" else "photo"
    if work in ("judging", "taking_in"):

        def send(data: bytes, count: int) -> int:
            form = {name: [(io.BytesIO(data), f"{n}.jpg") for n in range(count)], "case": "F-1"}
            if endpoint == "api_faces.add":
                form = {"photo": form["photo"], "age_years": "30", "source": "x"}  # type: ignore[dict-item]
            if endpoint in ("api_replays.create", "pages.preview", "batches.create"):
                del form["case"]
            return _drained(client.post(path, data=form, headers=headers))

        return Call(
            path, lambda: send(small, 1), lambda: send(photo, 8 if several else 20 if name == "photos" else 1)
        )
    if path.startswith("/api/"):
        text = json.dumps({"note": "x" * (MOST_BYTES - 100)})
        as_json = {"content_type": "application/json", "headers": headers}
        return Call(
            path,
            lambda: _drained(client.post(path, data="{}", **as_json)),
            lambda: _drained(client.post(path, data=text, **as_json)),
        )  # type: ignore[arg-type]
    return Call(
        path,
        lambda: _drained(client.post(path, data={"name": "nobody", "password": "x" * 20})),
        lambda: _drained(client.post(path, data={"name": "n", "password": "x" * (MOST_TEXT_BYTES - 200)})),
    )


def _drained(answer: object) -> int:
    for _ in answer.iter_encoded():  # type: ignore[attr-defined]
        pass
    answer.close()  # type: ignore[attr-defined]
    return int(answer.status_code)  # type: ignore[attr-defined]


LAST = (
    "erasing.erase_case",
    "api_erasures.case",
    "sign_in.leave",
    "erasing.erase_estimate",
    "api_erasures.estimate",
    "api_erasures.face",
)
"""Called last: they take away what the others look at."""


def table() -> list[tuple[str, str, str, float, float]]:
    """Return a row of each route."""
    with tempfile.TemporaryDirectory() as folder:
        app, values = filled(
            make_small_site(Path(folder)).model_copy(update={"sign_in_rate": "9000000 per minute"})
        )
        door, photo = app.extensions["simsvc-door"], big_photo()
        every = calls(app, values, photo)
        rules = {rule.endpoint: rule for rule in app.url_map.iter_rules()}
        rows = []
        for endpoint in sorted(every, key=lambda name: (name in LAST, name)):
            call, rule = every[endpoint], rules[endpoint]
            call.usual()  # warm
            _, cpu_ms, _ = measured(call.usual)
            status, _, memory = measured(call.largest)
            method = "GET" if "GET" in (rule.methods or ()) else "POST"
            most = door.most_bytes(method, call.path)
            rows.append(
                (
                    f"{method} {rule.rule}",
                    WORK[endpoint],
                    f"{most / 1e6:.0f} MB" if method == "POST" else "",
                    cpu_ms,
                    memory,
                )
            )
            print(f"{endpoint:30} {status} {cpu_ms:8.1f} ms {memory:7.1f} MB", file=sys.stderr)
        app.extensions["simsvc"].database.close()
        return rows


def main() -> int:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = sorted(table(), key=lambda row: (list(dict.fromkeys(WORK.values())).index(row[1]), row[0]))  # type: ignore[arg-type]
    lines = [
        f"| `{route}` | {work} | {most} | {cpu:.1f} | {memory:.1f} |"
        for route, work, most, cpu, memory in rows
    ]
    text = HEADING.format(records=RECORDS) + "\n".join(lines) + "\n"
    print(text)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
