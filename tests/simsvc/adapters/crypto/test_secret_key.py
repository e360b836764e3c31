from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from simsvc.adapters.crypto.secret_key import kept_secret_key
from simsvc.errors import SettingsError


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    """The file has mode 0600, is alone in its folder, and the second start reads the same key."""
    path = tmp_path / "var" / "secret-key"
    key = kept_secret_key(path)
    assert len(bytes.fromhex(key)) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_secret_key(path) == key
    assert [entry.name for entry in path.parent.iterdir()] == ["secret-key"]


def test_workers_that_race_get_the_same_key(tmp_path: Path) -> None:
    """Sixteen starts at once agree."""
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(kept_secret_key, [tmp_path / "secret-key"] * 16))
    assert len(keys) == 1


def test_a_damaged_or_unreadable_key_is_a_sentence(tmp_path: Path) -> None:
    """An empty file and a folder in its place are typed errors that say what to do."""
    (tmp_path / "empty").touch()
    with pytest.raises(SettingsError, match="Delete it"):
        kept_secret_key(tmp_path / "empty")
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        kept_secret_key(tmp_path)
