from __future__ import annotations

from pathlib import Path

import pytest

from simsvc.errors import SettingsError
from simsvc.settings import load_settings


def test_an_empty_environment_is_enough() -> None:
    """Every default works: SQLite, twelve neighbours, one thread, this machine only."""
    settings = load_settings({})
    assert settings.database_url.startswith("sqlite:///")
    assert (settings.neighbours, settings.threads) == (12, 1)
    assert settings.bind.startswith("127.0.0.1:")
    assert (settings.templates_dir / "base.html").is_file()


def test_every_setting_is_read(tmp_path: Path) -> None:
    """Each name in the environment reaches its field."""
    settings = load_settings(
        {
            "SIMSVC_BUNDLE_DIR": str(tmp_path / "b"),
            "SIMSVC_GALLERY_DIR": str(tmp_path / "g"),
            "SIMSVC_INDEX_ROOT": str(tmp_path / "i"),
            "DATABASE_URL": "postgresql://h/d",
            "SIMSVC_MAX_UPLOAD_BYTES": "5000",
            "SIMSVC_NEIGHBOURS": "7",
            "SIMSVC_THREADS": "3",
            "SIMSVC_WORKERS": "4",
            "SIMSVC_BIND": "127.0.0.1:9",
        }
    )
    assert (settings.bundle_dir, settings.gallery_dir, settings.index_root) == (
        tmp_path / "b",
        tmp_path / "g",
        tmp_path / "i",
    )
    assert settings.database_url == "postgresql://h/d"
    assert (settings.max_upload_bytes, settings.neighbours, settings.threads) == (5000, 7, 3)
    assert (settings.workers, settings.bind) == (4, "127.0.0.1:9")


@pytest.mark.parametrize("value", ["many", "0", "-1", "1000000", "1.5"])
def test_a_value_that_cannot_be_used_names_itself(value: str) -> None:
    """The sentence names the setting, the value and the range."""
    with pytest.raises(SettingsError, match=r"SIMSVC_NEIGHBOURS is .* from 1 to 100"):
        load_settings({"SIMSVC_NEIGHBOURS": value})
