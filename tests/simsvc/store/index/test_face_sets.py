"""Face changes in the database are what the file has, set by set and byte by byte."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from simsvc.adapters.index.files.face_journal import FILE, FaceJournal
from simsvc.domain.gallery.face_changes import ChangeSet, FaceChanges, LiveFace
from simsvc.errors import IndexDamaged
from simsvc.store.database import Database
from simsvc.store.index.face_sets import FaceSetRow, FaceSetStore
from simsvc.values import LabelledFace


def changed_by(choice: random.Random) -> ChangeSet:
    """Return a set of changes of one of three kinds."""
    name = f"f{choice.randrange(6)}"
    face = LabelledFace(name, float(choice.randrange(90)), "demo", f"{name}.png")
    vector = np.array([choice.random(), choice.random()], dtype=np.float32)
    return choice.choice(
        [
            ChangeSet(added=(LiveFace(face, "demo", "ab" * 32, vector, b"thumbnail of " + name.encode()),)),
            ChangeSet(ages_years={name: face.age_years}),
            ChangeSet(removed=frozenset({name})),
        ]
    )


def told(changes: FaceChanges) -> tuple[object, ...]:
    """Return all that a state says, in a form that can be compared."""
    live = {name: (one.face, one.thumbnail, one.embedding.tobytes()) for name, one in changes.live.items()}
    return changes.number, live, dict(changes.ages_years), changes.removed, changes.erased


@pytest.mark.parametrize("seed", range(8))
def test_the_database_has_what_the_file_has(database: Database, tmp_path: Path, seed: int) -> None:
    """Whatever is changed and erased: same numbers, hashes and states, for whoever reads now and then too."""
    choice = random.Random(seed)  # noqa: S311 - the same sequence with every run
    file, store, reader = FaceJournal(tmp_path), FaceSetStore(database), FaceSetStore(database)
    for _ in range(12):
        if choice.random() < 0.2:
            gone = frozenset({f"f{choice.randrange(6)}"})
            assert file.erase(gone) == store.erase(gone)
        else:
            change = changed_by(choice)
            assert told(file.with_next(change)) == told(store.with_next(change))
            assert file.append(change) == store.append(change) == store.stamp()
        assert file.sha256s() == store.sha256s()
        if choice.random() < 0.5:
            assert told(reader.changes()) == told(file.changes())
    number = choice.randrange(13)
    assert told(file.changes(number)) == told(reader.changes(number))
    assert [file.added_in(f"f{one}") for one in range(6)] == [reader.added_in(f"f{one}") for one in range(6)]
    assert "".join(file.lines()) == (tmp_path / FILE).read_text()


def test_a_changed_line_is_refused(database: Database) -> None:
    """A set that the database's owner changed is damage that names its number, also if it is read later."""
    store = FaceSetStore(database)
    for name in ("f1", "f2"):
        store.append(ChangeSet(removed=frozenset({name})))
    assert store.changes(1).removed == {"f1"}
    number = store.append(ChangeSet(removed=frozenset({"f3"})))
    with database.transaction() as session:
        session.execute(update(FaceSetRow).where(FaceSetRow.number == number).values(line="nonsense\n"))
    with pytest.raises(IndexDamaged, match="Line 3"):
        store.changes()
