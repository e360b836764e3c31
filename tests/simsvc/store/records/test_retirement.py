"""Keeping and erasing in both databases."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import func, select

from simsvc.adapters.crypto.fernet_cipher import FernetCipher, new_key
from simsvc.domain.gallery.face_changes import ErasedSets
from simsvc.errors import EstimateErased, EstimateNotFound, PhotoLocked
from simsvc.store.database import Database
from simsvc.store.erasure.records import TABLES, ErasureStore
from simsvc.store.index.faces import FaceStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.records.photos import PhotoStore
from simsvc.store.records.retirement import KeepingStore
from simsvc.store.records.switches import ModelSwitchStore
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.store.reviews.referrals import ReferralStore
from simsvc.store.tables import CropRow, DecisionRow, EventRow, NeighbourRow, PhotoRow, Table
from simsvc.values import DecisionDraft, Declaration, LabelledFace
from simsvc.values.referrals import Addressee, ReferralDraft
from tests.simsvc.store.helpers import ESTIMATED

NOW = datetime(2026, 5, 4, tzinfo=UTC)
UNIT = np.eye(1, 16, dtype=np.float32)[0]
SHOWN = replace(ESTIMATED, photo=b"the photo", declared=Declaration("K-1"))


@pytest.fixture
def cipher() -> FernetCipher:
    return FernetCipher([new_key()])


def count(database: Database, table: type[object]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_photo_is_kept_with_its_estimate_and_goes_with_it(database: Database, cipher: FernetCipher) -> None:
    """It opens again with the key, not without; erasing takes every row that belongs to the estimate."""
    store, erasures = EstimateStore(database, cipher), ErasureStore(database)
    record = store.record(SHOWN)
    DecisionStore(database).add(record.id, DecisionDraft("refer", note="n"), "u1", 0, NOW)
    assert PhotoStore(database, cipher).find(record.id) == b"the photo"
    with pytest.raises(PhotoLocked):
        PhotoStore(database, None).find(record.id)
    receipt = erasures.erase_case("K-1", "command", NOW)
    one_each = dict.fromkeys(("records", "crops", "photos", "decisions"), 1)
    assert receipt.erased.counts == {**one_each, "referrals": 0, "batch_photos": 0}
    assert [count(database, table) for table in (PhotoRow, CropRow, NeighbourRow, DecisionRow)] == [0] * 4
    with pytest.raises(EstimateErased):
        store.find(record.id)
    with pytest.raises(EstimateNotFound):
        erasures.erase_estimate(record.id, "command", NOW)


def test_no_table_of_an_estimate_is_forgotten(database: Database, cipher: FernetCipher) -> None:
    """Whatever table refers to estimates, now or later, holds no row once the only one is erased."""
    record = EstimateStore(database, cipher).record(replace(SHOWN, embedding=UNIT))
    DecisionStore(database).add(record.id, DecisionDraft("refer", note="n"), "u1", 0, NOW)
    sent = ReferralDraft(Addressee(team="medical"), comment="see the file")
    ReferralStore(database).add(record.id, sent, "u1", NOW)
    of_estimates = [
        table
        for table in Table.metadata.sorted_tables
        if any(key.column.table.name == "estimates" for key in table.foreign_keys)
    ]
    with database.reading() as session:
        before = {
            table.name: session.scalar(select(func.count()).select_from(table)) for table in of_estimates
        }
    assert min(before.values()) > 0, f"every such table is filled by this test: {before}"
    assert set(before) <= set(TABLES)
    ErasureStore(database).erase_estimate(record.id, "command", NOW)
    with database.reading() as session:
        for table in of_estimates:
            assert session.scalar(select(func.count()).select_from(table)) == 0, table.name


def test_a_failed_erasure_erases_nothing(database: Database, cipher: FernetCipher) -> None:
    """Where the receipt cannot be logged, every row stays."""
    record = EstimateStore(database, cipher).record(SHOWN)
    with pytest.raises(ValueError, match="actor"):
        ErasureStore(database).erase_case("K-1", "", NOW)
    assert EstimateStore(database).find(record.id).estimate.declared.case == "K-1"
    assert count(database, PhotoRow) == 1


def test_old_photos_are_purged_and_keys_rotate(
    database: Database, cipher: FernetCipher, caplog: pytest.LogCaptureFixture
) -> None:
    """Only what is older goes; a rotated photo opens with the new key alone; the files are scrubbed."""
    store = EstimateStore(database, cipher)
    kept = store.record(SHOWN)
    assert PhotoStore(database, cipher).purge(kept.created_at, "command", NOW) == 0
    fresh = FernetCipher([key := new_key()])
    with database.reading() as session:
        token = session.scalars(select(PhotoRow.token)).one()
    both = _Both(fresh, cipher)
    assert PhotoStore(database, both).rotate("command", lambda _done, _total: None, NOW) == (1, 0)
    assert PhotoStore(database, FernetCipher([key])).find(kept.id) == b"the photo"
    with pytest.raises(PhotoLocked):
        fresh.decrypt(token)
    later = kept.created_at + timedelta(days=1)
    assert PhotoStore(database, cipher).purge(later, "command", NOW) == 1
    assert [entry for entry in caplog.records if entry.levelno >= logging.ERROR] == []


class _Both(FernetCipher):
    """Two ciphers as one: the first encrypts, either decrypts."""

    def __init__(self, first: FernetCipher, second: FernetCipher) -> None:
        self._first, self._second = first, second

    def rotate(self, token: bytes) -> bytes:
        return self._first.encrypt(self._second.decrypt(token))


def test_models_are_put_on_record_once(database: Database) -> None:
    """The same model again adds nothing; back to an earlier one is a switch of its own."""
    store = ModelSwitchStore(database)
    for bundle in ("a", "a", "b", "b", "a"):
        store.note(bundle * 64, "0" * 64, f"tiny-{bundle}", NOW)
    assert [version for _, _, version, _ in store.versions()] == ["tiny-a", "tiny-b", "tiny-a"]


def test_who_was_made_with_what_is_counted(database: Database) -> None:
    """Records name their build and bundle; older ones name the weights alone, and count as well."""
    store, keeping = EstimateStore(database), KeepingStore(database)
    store.record(replace(ESTIMATED, index="demo/b-1", bundle_sha256="c" * 64, model_sha256="d" * 64))
    store.record(replace(ESTIMATED, index="demo/b-1", bundle_sha256=None, model_sha256="d" * 64))
    store.record(replace(ESTIMATED, index="demo/b-2", bundle_sha256="e" * 64, model_sha256="d" * 64))
    assert keeping.made_with_build("demo/b-1") == 2
    assert keeping.made_with_model("c" * 64, "d" * 64) == 2


def test_a_face_and_its_event_come_together(database: Database) -> None:
    """Where the file cannot be written, neither the row nor the event is there."""
    faces, face = FaceStore(database), LabelledFace("f1", 30.0, "demo", "a.jpg")

    def full() -> int:
        raise OSError("full")

    before = count(database, EventRow)
    with pytest.raises(OSError, match="full"):
        faces.put([face], "add", "command", full)
    assert faces.find("f1") is None
    assert count(database, EventRow) == before
    assert faces.put([face], "add", "command", lambda: 7) == 7
    assert faces.find("f1") == face
    faces.erase("f1", "command", lambda: ErasedSets(8), NOW)
    assert faces.find("f1") is None
