"""`python -m tests.cluster`: an installation of several hosts, damaged while it works, then looked over."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.hosts import CannotMakeHosts, network
from tests.cluster.run import CHECKS, WITHOUT_LOAD, perform

SERVERS = {"lb": 2, "db": 3, "redis": 4, "s3": 5, "volume-a": 6, "volume-b": 7}
WORKERS = {"web-a": 11, "web-b": 12, "batch-a": 21, "batch-b": 22, "ray": 31, "ray-a": 32, "ray-b": 33}
"""Hosts and the last parts of their addresses. A name of a link has at most 15 characters."""
PROGRAMS = {"ip": "iproute2", "haproxy": "haproxy", "redis-server": "redis-server", "setpriv": "util-linux"}


def main() -> int:
    """Run it, and return 1 where a check failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--estimates", type=int, default=5_000)
    parser.add_argument(
        "--only", action="append", choices=CHECKS, metavar="CHECK", help=f"one of {', '.join(CHECKS)}; repeat"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder of logs even if all is well")
    options = parser.parse_args()
    if missing := [package for program, package in PROGRAMS.items() if not shutil.which(program)]:
        print(f"SKIPPED: install {' '.join(missing)}", file=sys.stderr)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the hosts are taken away as by Ctrl-C
    folder = Path(tempfile.mkdtemp(prefix="simsvc-cluster-", dir="/var/tmp"))  # every host has its own /tmp
    folder.chmod(0o711)  # PostgreSQL's account passes through
    began_s, failed = time.monotonic(), ["it broke off"]
    try:
        with network(folder, SERVERS | WORKERS) as hosts:
            only = set(options.only or CHECKS)
            failed = perform(hosts, folder, only, 0 if only <= WITHOUT_LOAD else options.estimates)
    except CannotMakeHosts as problem:
        failed = []
        print(f"SKIPPED: {problem}", file=sys.stderr)
        return 0
    finally:
        if failed or options.keep:
            print(f"logs of every host: {folder}")
        else:
            shutil.rmtree(folder)
    print(
        f"{'FAILED: ' + ', '.join(failed) if failed else 'all is well'}; {time.monotonic() - began_s:.0f} s"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
