"""What a check of uploaded reference faces finds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from simsvc.domain.gallery.importing.import_documents import (
    check_document,
    import_document,
    read_check,
    read_import,
    read_state,
    state_document,
)
from simsvc.domain.gallery.importing.import_findings import findings, same_photos
from simsvc.errors import ImportRefused
from simsvc.messages import Message
from simsvc.values.face_imports import (
    CheckedPhoto,
    FaceImport,
    ImportCheck,
    ImportPhoto,
    ImportState,
    SkippedRow,
)

PHOTOS = (
    ImportPhoto(0, "a.jpg", 30.0, "anna", date(2010, 1, 1)),
    ImportPhoto(1, "b.jpg", 30.5, "anna", date(2020, 1, 1)),
    ImportPhoto(2, "c.jpg", 41.0),
    ImportPhoto(3, "d.jpg", 42.0),
    ImportPhoto(4, "e.jpg", 50.0),
)
UPLOAD = FaceImport(
    "0" * 32, "clinic", "u1", datetime(2026, 5, 4, tzinfo=UTC), PHOTOS, (SkippedRow("x", "y", 3),), ("z",)
)
CHECK = ImportCheck(
    (*(CheckedPhoto(at, None, 35.25) for at in range(4)), CheckedPhoto(4, "no_face")), ((0, 1), (2, 3))
)


def test_findings_follow_labels_and_choices() -> None:
    """Copies with one label and with two, a person whose dates disagree, skipped and left out photos."""
    found = findings(UPLOAD, CHECK)
    assert found.usable == PHOTOS[:4]
    assert found.duplicates == (PHOTOS[:2],)
    assert found.contradictory == (PHOTOS[2:4],)
    assert [(one.person, round(one.years)) for one in found.persons] == [("anna", 9)]
    assert [row.reference for row in found.skipped] == ["x", "e.jpg"]
    left_out = replace(PHOTOS[0], left_out=True)
    corrected = replace(PHOTOS[3], age_years=41.5)
    fresh = ImportPhoto(9, "f.jpg", 20.0)
    found = findings(replace(UPLOAD, photos=(left_out, *PHOTOS[1:3], corrected, PHOTOS[4], fresh)), CHECK)
    assert (found.persons, found.contradictory) == ((), ())
    assert found.duplicates == ((PHOTOS[2], corrected),)
    assert (found.left_out, found.unchecked) == ((left_out,), (fresh,))


def test_equal_files_and_equal_embeddings_are_one_photo() -> None:
    """Whatever the other says; others are not."""
    rows = np.eye(4, 8, dtype=np.float32)
    rows[1] = rows[0]
    assert same_photos(rows, [b""] * 4, ["a", "b", "c", "c"]) == [[0, 1], [2, 3]]
    assert same_photos(np.eye(2, 8, dtype=np.float32), [b"", b""], ["a", "b"]) == []


def test_documents_are_read_back() -> None:
    """With every field, and a problem with its parameters."""
    state = ImportState(
        "open", "index", 1, 2, ImportRefused("labels", problem=Message("no")).message, "a/b", "u"
    )
    assert read_import(import_document(UPLOAD)) == UPLOAD
    assert read_check(check_document(CHECK)) == CHECK
    assert read_state(state_document(state)) == state
