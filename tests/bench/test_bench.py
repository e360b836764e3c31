from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.bench.__main__ import lines
from tests.bench.claims import Claim, Parts, claims
from tests.bench.client import load
from tests.bench.page import BEGIN, BENCH, END, PAGE, table, with_table

PIPELINE = {
    "answer, recorded": {"p50_ms": 12.0, "cpu_ms": 11.0},
    "detector": {"p50_ms": 5.0, "cpu_ms": 5.0},
    "model": {"p50_ms": 5.0, "cpu_ms": 5.0},
    "over detector and model": {"recorded_p50": 1.2, "recorded_cpu": 1.1},
    "step decode": {"p50_ms": 1.0},
    "step total": {"p50_ms": 11.0, "told_share": 0.99},
}
LOADED = {
    "p50_ms": 25.0,
    "p95_ms": 30.0,
    "p99_ms": 40.0,
    "a_second": 160.0,
    "refused_503": 0,
    "other_errors": 0,
}
PARTS: Parts = {
    "640 px": PIPELINE,
    "server": {
        "workers": {"count": 2.0},
        "start to ready": {"s": 1.5},
        "1 client": LOADED,
        "32 clients, sustained": LOADED,
        "detector and model alone": {"ms": 10.0, "a_second": 100.0},
        "memory of a worker": {"warm_mb": 200.0, "end_mb": 204.0, "growth": 0.02},
    },
}
FACTS = {
    "processor": "P",
    "cores": 2,
    "load": 0.1,
    "python": "3.11",
    "onnxruntime": "1",
    "measured_at": "now",
}


def test_each_promise_stands_beside_its_limit() -> None:
    """The rate is that over two cores at detector and model alone; a missing part makes no promise."""
    told = {claim.what: claim for claim in claims(PARTS, 300.0)}
    rate = told["32 clients' rate over workers / (detector + model)"]
    assert rate.value == pytest.approx(160 / 200)
    assert all(claim.holds for claim in told.values())
    assert [claim.what for claim in claims({}, 700.0) if not claim.holds] == [
        "the service's environment on disk"
    ]


def test_a_broken_promise_is_told() -> None:
    """The table says NO, the page says so in words."""
    broken = Claim("photo to answer, p50", 30.0, 22.0, "ms")
    assert any(line.endswith("NO") for line in lines(PARTS, [broken], []))
    document = {"machine": FACTS, "claims": [broken.described()], **PARTS}
    assert "| photo to answer, p50 | 30 ms | at most 22 ms | **not kept** |" in table(document)


def test_the_table_goes_between_the_markers_and_nowhere_else() -> None:
    """What stands around them is left alone, and a page without them is refused."""
    document = {"machine": FACTS, "claims": [], **PARTS}
    written = with_table(f"before\n{BEGIN}\nold\n{END}\nafter\n", document)
    assert written.startswith(f"before\n{BEGIN}\nP, 2 cores")
    assert written.endswith(f"{END}\nafter\n")
    assert "old" not in written
    with pytest.raises(ValueError, match="lacks"):
        with_table("nothing", document)


class Answers(socketserver.StreamRequestHandler):
    """Answers each request of 4 bytes: the third of a connection is refused, the fourth ends it."""

    def handle(self) -> None:
        for status, end in (("201 C", ""), ("201 C", ""), ("503 B", ""), ("201 C", "Connection: close\r\n")):
            if not self.rfile.read(4):
                return
            self.wfile.write(f"HTTP/1.1 {status}\r\n{end}Content-Length: 2\r\n\r\nok".encode())


@pytest.fixture
def port() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_the_client_counts_every_answer(port: int) -> None:
    """Refusals are counted by themselves; a connection that the server ends in good order is no error."""
    told = load(port, b"ping", clients=3, requests=30, seconds=0.0)
    assert (told["requests"], told["other_errors"]) == (30, 0)
    assert 6 <= int(str(told["refused_503"])) <= 9


def test_the_page_shows_what_was_measured() -> None:
    """The page's table is bench.json's: neither is changed without the other."""
    page = PAGE.read_text(encoding="utf-8")
    document = json.loads(BENCH.read_text(encoding="utf-8")) if BENCH.is_file() else None
    assert BEGIN in page
    assert document is None or with_table(page, document) == page
