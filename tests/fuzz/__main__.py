"""`python -m tests.fuzz`: at least 5,000 cases, all checks, no failure."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.run import furnish, schemathesis
from tests.servers import running
from tests.small_site import make_small_site

LEAST_CASES = 5_000


def main() -> int:
    """Run schemathesis until enough cases were made, and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=400, help="cases of one operation and phase, at most")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--least", type=int, default=LEAST_CASES, help="fewer cases are a failure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = make_small_site(Path(folder) / "site")
        config = Path(folder) / "schemathesis.toml"
        token = furnish(settings, config)
        log = Path(folder) / "server.log"
        with running(settings, log, workers=2) as server:
            # one worker: ast of Python 3.11 raises SystemError in threads, which ends the run as an error.
            # Source: https://github.com/python/cpython/issues/106905
            arguments = [
                "--max-examples",
                str(options.examples),
                "--seed",
                str(options.seed),
            ]
            status, written, cases = schemathesis(server.url, token, config, arguments)
        print(written)
        told = log.read_text()
        if "Traceback" in told:
            print(told[max(0, told.index("Traceback") - 1_000) :][:6_000])
            status = 1
    print(f"{cases} cases")
    return status or int(cases < options.least)


if __name__ == "__main__":
    sys.exit(main())
