from __future__ import annotations

import threading
from pathlib import Path

from simsvc.adapters.results.in_flight import InFlight

held: list[object] = []
"""A block that nobody holds would be left by the garbage collector."""


def left_behind(path: Path, *photos: str) -> None:
    """Leave what a process leaves that dies with a photo in each thread's hand."""
    notes = InFlight(path)

    def hold(photo: str) -> None:
        block = notes.over(photo)
        held.append(block)
        block.__enter__()  # and never left

    for photo in photos:
        thread = threading.Thread(target=hold, args=(photo,))
        thread.start()
        thread.join()


def test_what_was_in_hand_counts(tmp_path: Path) -> None:
    """Each process that dies with a photo adds one to it, whatever its name; photos that were done do not."""
    path = tmp_path / "trying"
    left_behind(path, "a b.jpg", 'Zoë "\\xff".jpg')
    left_behind(path, "a b.jpg")
    notes = InFlight(path)
    with notes.over("done.jpg"):
        pass
    assert [notes.deaths(name) for name in ("a b.jpg", 'Zoë "\\xff".jpg', "done.jpg")] == [2, 1, 0]
    notes.close()
    assert InFlight(path).deaths("a b.jpg") == 2


def test_a_clean_end_leaves_nothing(tmp_path: Path) -> None:
    """Without a death, or when the run is finished, the file goes; an odd file counts nothing."""
    path = tmp_path / "trying"
    InFlight(path).close()
    assert not path.exists()
    left_behind(path, "a.jpg")
    notes = InFlight(path)
    notes.drop()
    notes.close()
    assert not path.exists()
    path.write_bytes(b"[1")
    assert InFlight(path).deaths("a.jpg") == 0
