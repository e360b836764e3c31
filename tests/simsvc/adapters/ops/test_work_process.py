from __future__ import annotations

import socket

import pytest

from simsvc.adapters.ops.work_process import worker_name
from simsvc.store.tables import BatchPhotoRow


def test_the_name_of_a_worker_fits_its_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a host with the longest name that there can be."""
    monkeypatch.setattr(socket, "gethostname", lambda: "h" * 255)
    assert len(worker_name()) <= BatchPhotoRow.leased_by.type.length


def test_no_two_workers_have_the_same_name() -> None:
    """Not even in containers, where every worker may have the same process ID."""
    assert worker_name() != worker_name()
