"""`make slow-sockets`: 200 slow connections of each kind, longer than any deadline, against two workers.

Prints a line for each kind and ends with 1 where /healthz took a second or more.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from simsvc.web.app import create_app
from tests.servers import running, send_photo
from tests.simsvc.web.programs import bearer
from tests.slow_sockets.clients import KINDS, Crowd, hold, worst
from tests.small_site import drawn_photo, make_small_site

SOCKETS = 200
LASTING_S = 45.0
LIMIT_S = 1.0


def main() -> int:
    """Try every kind; return the exit status."""
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        site = make_small_site(Path(folder))
        token = bearer(create_app(site), "estimate")
        with running(site, Path(folder) / "log", workers=2) as server:
            bind = server.bind
            photo = drawn_photo()

            def estimate() -> float:
                began_s = time.perf_counter()
                assert send_photo(bind, photo, token)[0] == 201
                return time.perf_counter() - began_s

            print(f"{SOCKETS} slow connections, {LASTING_S:.0f} s each, two workers; 99th percentiles")
            for name, kind in KINDS.items():
                crowd = Crowd(bind, kind, token, SOCKETS)
                health, others = hold(bind, [crowd], LASTING_S, estimate)
                at_worst = worst(health)
                slow = slow or at_worst >= LIMIT_S
                print(
                    f"{name:14} /healthz {1000 * at_worst:6.1f} ms   estimate {1000 * worst(others):6.1f} ms"
                    f"   opened {crowd.opened}",
                    flush=True,
                )
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
