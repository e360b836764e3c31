from __future__ import annotations

import hashlib
import re
from pathlib import Path

import simsvc.web

VENDOR = Path(simsvc.web.__file__).parent / "static" / "vendor"
ROW = re.compile(r"^\| `([\w.]+)` \| .* \| `dist/([\w.]+)` \| \w+ \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_vendored_libraries_are_the_published_files() -> None:
    """Every library has its licence, and its file is byte for byte the one that the table names."""
    rows = ROW.findall((VENDOR / "README.md").read_text())
    assert {folder for folder, _, _ in rows} == {path.name for path in VENDOR.iterdir() if path.is_dir()}
    for folder, name, sha256 in rows:
        assert hashlib.sha256((VENDOR / folder / name).read_bytes()).hexdigest() == sha256
        assert (VENDOR / folder / "LICENSE.md").is_file()
