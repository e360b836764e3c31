from __future__ import annotations

from pathlib import Path

import pytest

from simsvc.adapters.index.files.embedding_cache import FILE, EmbeddedJournal, forget_unfinished

LIBRARIES = ("numpy", "pillow", "no-such-library")
KEYS = [bytes([number]) * 32 for number in range(4)]


def journal(path: Path) -> EmbeddedJournal:
    return EmbeddedJournal(path, LIBRARIES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal of three records whose process never closed it."""
    left = journal(tmp_path / ".embedded")
    for number in range(3):
        left.keep(KEYS[number], (f"reason {number}",))
    return tmp_path / ".embedded"


def test_what_was_kept_is_found_by_the_next_process(path: Path) -> None:
    """Every record is there without the file ever having been closed; other keys are not."""
    found = journal(path)
    assert [found.find(key) for key in KEYS] == [("reason 0",), ("reason 1",), ("reason 2",), None]


def test_a_torn_record_is_cut_off_at_every_byte(path: Path) -> None:
    """Wherever the last record breaks off, those before it stay, and new ones can follow."""
    whole = path.read_bytes()
    record = (len(whole) - whole.index(b"\n") - 1) // 3
    for missing in range(1, record + 1):
        path.write_bytes(whole[:-missing])
        found = journal(path)
        assert [found.find(key) for key in KEYS[:3]] == [("reason 0",), ("reason 1",), None]
        found.keep(KEYS[3], ("new",))
        found.close()
        again = journal(path)
        assert (len(again), again.find(KEYS[3])) == (3, ("new",))
        again.close()


def test_a_changed_record_is_not_believed(path: Path) -> None:
    """A record whose content is not that of its sha256 ends the journal."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert journal(path).find(KEYS[2]) is None
    assert journal(path).find(KEYS[1]) == ("reason 1",)


def test_other_libraries_begin_anew(path: Path) -> None:
    """What another version of a library made is not mixed with what this one makes."""
    path.write_bytes(path.read_bytes().replace(b'"no-such-library": null', b'"no-such-library": "1.0"'))
    assert len(journal(path)) == 0
    assert not path.exists()


def test_there_is_no_file_before_the_first_record(tmp_path: Path) -> None:
    """A build that never embeds anything leaves nothing behind, and a finished one deletes the file."""
    fresh = journal(tmp_path / ".embedded")
    assert list(tmp_path.iterdir()) == []
    fresh.keep(KEYS[0], ("reason",))
    fresh.drop()
    assert list(tmp_path.iterdir()) == []


def test_what_unfinished_builds_keep_is_forgotten(tmp_path: Path) -> None:
    """Every journal under the root goes; the build that has it open goes on and keeps no other file."""
    (tmp_path / "demo").mkdir()
    open_one = journal(tmp_path / "demo" / FILE)
    open_one.keep(KEYS[0], ("reason",))
    forget_unfinished(tmp_path)
    assert not (tmp_path / "demo" / FILE).exists()
    open_one.keep(KEYS[1], ("another",))
    assert open_one.find(KEYS[1]) == ("another",)
    open_one.drop()
    assert list((tmp_path / "demo").iterdir()) == []
