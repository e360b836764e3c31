from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from simsvc.adapters.ops.work_process import worker_name
from simsvc.store.tables import BatchPhotoRow
from tests.helpers import ROOT


def test_the_name_of_a_worker_fits_its_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a host with the longest name that there can be."""
    monkeypatch.setattr(socket, "gethostname", lambda: "h" * 255)
    assert len(worker_name()) <= BatchPhotoRow.leased_by.type.length


def test_no_two_workers_have_the_same_name() -> None:
    """Not even in containers, where every worker may have the same process ID."""
    assert worker_name() != worker_name()


STOPPED_EARLY = """
import os, signal, time
from simsvc.adapters.ops.work_process import work

def run(stop):
    seen = []
    signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    os.kill(os.getppid(), signal.SIGTERM)
    while len(seen) < 2:
        time.sleep(0.01)

work(run)
"""


def test_a_child_that_missed_the_signal_gets_it_again() -> None:
    """Python forgets a signal that comes while a process is being forked; the child ends all the same."""
    done = subprocess.run([sys.executable, "-c", STOPPED_EARLY], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0
