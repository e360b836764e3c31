import argparse
import contextlib
import csv
import io
import json
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from simsvc.errors import SettingsError, SourceUnknown
from tests.trainer.datasets.drawn_photos import write_folder
from tests.trainer.datasets.helpers import CONTENT, Shelf, archive_of
from trainer.cli.making.data import COLUMNS, add_arguments, parse_sources, run
from trainer.datasets import archives
from trainer.datasets.merge import merged


def call(*arguments: str) -> int:
    """Run `python -m trainer data` with those arguments."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(arguments))


class Written(NamedTuple):
    """What the command wrote and printed of two sources of which one photo is in both."""

    sources: dict[str, Path]
    out: Path
    copy: Path
    printed: str


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("data")
    left = write_folder(folder / "left", {f"{at}.jpg": at for at in range(20)})
    right = write_folder(folder / "right", {f"{at}.jpg": 2 * at for at in range(20)}, first_seed=19)
    sources = ["--source", f"folder:a={left}", "--source", f"folder:b={right}"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert call(*sources, "--out", str(folder / "out"), "--json", str(folder / "copy.json")) == 0
    named = {"folder:a": left, "folder:b": right}
    return Written(named, folder / "out", folder / "copy.json", printed.getvalue())


def test_writes_rows_with_their_splits(written: Written) -> None:
    """rows.csv has the rows and splits of `merged`, and near-duplicates in one group."""
    with (written.out / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    data = merged(written.sources, cache=None)
    assert tuple(rows[0]) == COLUMNS
    assert [row["split"] for row in rows] == data.split.tolist()
    assert [row["path"] for row in rows] == [str(row.path) for row in data.rows]
    shared = {
        row["duplicate_group"] for row in rows if (row["source"], row["reference"]) == ("folder:b", "0.jpg")
    }
    assert [row["reference"] for row in rows if row["duplicate_group"] in shared] == ["19.jpg", "0.jpg"]


def test_writes_audit_and_picture(written: Written) -> None:
    """audit.json, also where --json says, and audit.png; the audit is printed."""
    assert "40 photos" in written.printed
    assert json.loads((written.out / "audit.json").read_text())["near_duplicates"]["pairs"] == 1
    assert written.copy.read_bytes() == (written.out / "audit.json").read_bytes()
    assert (written.out / "audit.png").read_bytes().startswith(b"\x89PNG")


def test_sources() -> None:
    """NAME=PATH is cut at the first equals sign."""
    assert parse_sources(["utkface=a=b", "folder:x=c"]) == {"utkface": Path("a=b"), "folder:x": Path("c")}


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ([], "at least one"),
        (["utkface"], "NAME=PATH"),
        (["=x"], "NAME=PATH"),
        (["folder=a", "folder=b"], "twice"),
    ],
)
def test_sources_refused(texts: list[str], why: str) -> None:
    """No source, one without a name or a path, and one given twice are refused with a sentence."""
    with pytest.raises((SettingsError, SourceUnknown), match=why):
        parse_sources(texts)


def test_fetch_asks_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terms are shown before anything is asked of the server, and a no downloads nothing."""
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    assert call("fetch", "wiki", "--to", str(tmp_path)) == 1
    assert "academic research only" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_fetch(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With --yes the archive of the table is downloaded, and the sentence after it names the source."""
    with Shelf() as shelf:
        threading.Thread(target=shelf.serve_forever, daemon=True).start()
        monkeypatch.setitem(archives.ARCHIVES, "wiki", archive_of(shelf))
        assert call("fetch", "wiki", "--to", str(tmp_path), "--yes") == 0
        shelf.shutdown()
    assert (tmp_path / "a.tar").read_bytes() == CONTENT
    assert "--source wiki=" in capsys.readouterr().out


def test_out_that_is_a_file(tmp_path: Path) -> None:
    """A file where the output folder should be gives a sentence that offers --out."""
    (tmp_path / "out").touch()
    with pytest.raises(SettingsError, match="--out"):
        call("--source", "utkface=x", "--out", str(tmp_path / "out"))
