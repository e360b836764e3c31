from __future__ import annotations

from datetime import UTC, datetime, timedelta

from simsvc.domain.gallery.face_changes import ErasedSets
from simsvc.store.database import Database
from simsvc.store.index.faces import FaceStore
from simsvc.values import LabelledFace

FACES = [LabelledFace("f1", 30.0, "clinic", "a.jpg"), LabelledFace("f2", 40.0, "clinic", "b.jpg")]


def test_the_history_of_a_face_has_reasons_and_ages(database: Database) -> None:
    """Oldest first, by whom; what was done to several faces together is found by its number."""
    store = FaceStore(database)
    assert store.put(FACES, "add", "command", lambda: 1) == 1
    said = {"reason": "birth certificate", "age_years": 31.0, "previous_age_years": 30.0}
    store.put(FACES[:1], "relabel", "user:u1", lambda: 2, said)
    store.put(FACES[:1], "remove", "token:t1", lambda: 3)
    history = store.history("f1")
    assert [(one.by, one.what, one.reason) for one in history] == [
        ("u1", "relabel", "birth certificate"),
        ("token:t1", "remove", ""),
    ]
    assert (history[0].from_years, history[0].to_years) == (30.0, 31.0)
    added_at = store.added_at(1)
    assert added_at is not None
    assert datetime.now(UTC) - added_at < timedelta(minutes=1)
    assert store.added_at(9) is None
    store.erase("f1", "command", lambda: ErasedSets(4, {4: "ab" * 32}), datetime.now(UTC))
    assert store.history("f1") == []
