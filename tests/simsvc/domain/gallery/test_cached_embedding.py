from __future__ import annotations

import numpy as np

from simsvc.domain.gallery.cached_embedding import Embedded, from_bytes, to_bytes


def test_outcomes_come_back_to_the_last_bit() -> None:
    """Faces, whole pictures, thumbnails without a byte and reasons survive their bytes, in order."""
    row = np.random.default_rng(0).standard_normal(16).astype(np.float32)
    given = (Embedded(row, b"jpeg", False, 31.5), "no_face", Embedded(-row, b"", True, 4.25), "not_an_image")
    got = from_bytes(to_bytes(given))
    assert [type(outcome) for outcome in got] == [type(outcome) for outcome in given]
    for one, other in zip(given, got, strict=True):
        if isinstance(one, Embedded):
            assert isinstance(other, Embedded)
            assert np.array_equal(one.embedding, other.embedding)
            assert (one.thumbnail, one.whole_picture) == (other.thumbnail, other.whole_picture)
            assert one.estimate_years == other.estimate_years
        else:
            assert one == other
    assert from_bytes(to_bytes(())) == ()
