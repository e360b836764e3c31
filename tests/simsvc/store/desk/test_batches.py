from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest

from simsvc.domain.accounts.quota import Quota
from simsvc.errors import BatchQuota, PhotoLost, PhotoTooManyBytes
from simsvc.store.database import Database
from simsvc.store.desk.batches import BatchStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.values import BatchNotes, LeftOut, NewPhoto, Waiting

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def store(database: Database, quota: Quota) -> BatchStore:
    return BatchStore(database, EstimateStore(database), quota)


def ids() -> Iterator[str]:
    yield from (f"{number:032x}" for number in range(100))


def test_what_is_said_of_a_batch_comes_back(database: Database) -> None:
    """Notes, and what is declared of its photos; a batch without any has none."""
    batches = store(database, Quota(10, 10))
    notes = BatchNotes((LeftOut("._a.jpg", "metadata"),), 3, ("remark",), ("GBK",))
    photo = NewPhoto("a.jpg", None, None, date(1980, 2, 29), date(2020, 1, 1), 5)
    batches.add("a" * 32, "a.zip", [photo], "u1", NOW, notes)
    batches.add("b" * 32, "b.zip", [NewPhoto("b.jpg")], "u1", NOW)
    assert (batches.find("a" * 32).notes, batches.find("b" * 32).notes) == (notes, BatchNotes())
    found = batches.photos("a" * 32)[0]
    assert (found.birth_date, found.photo_date) == (date(1980, 2, 29), date(2020, 1, 1))


def test_a_quota_counts_what_waits(database: Database) -> None:
    """Of one account, by photos and by bytes; what is refused or done does not wait."""
    batches = store(database, Quota(3, 100))
    refused = NewPhoto("b", refusal=PhotoTooManyBytes("in_batch"))
    batches.add("a" * 32, "a.zip", [NewPhoto("a", size_bytes=60), refused], "u1", NOW)
    assert batches.waiting_of("u1") == Waiting(1, 60)
    assert batches.waiting_of("u2") == Waiting(0, 0)
    with pytest.raises(BatchQuota):
        batches.add("b" * 32, "b.zip", [NewPhoto("a", size_bytes=41)], "u1", NOW)
    with pytest.raises(BatchQuota):
        batches.add("b" * 32, "b.zip", [NewPhoto("a")] * 3, "u1", NOW)
    assert batches.waiting_of("u1") == Waiting(1, 60)
    batches.add("b" * 32, "b.zip", [NewPhoto("a", size_bytes=41)], "u2", NOW)
    batches.give_up("a" * 32, 0, PhotoLost())
    batches.add("c" * 32, "c.zip", [NewPhoto("a", size_bytes=41)] * 2, "u1", NOW)


def test_uploads_at_once_do_not_pass_a_quota_together(database: Database) -> None:
    """Of eight that each would fit, two do."""
    batches, names = store(database, Quota(5, 1_000)), list(ids())[:8]

    def add(batch_id: str) -> bool:
        try:
            batches.add(batch_id, "a.zip", [NewPhoto("a", size_bytes=1)] * 2, "u1", NOW)
        except BatchQuota:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, names)) == 2
    assert batches.waiting_of("u1") == Waiting(4, 4)
