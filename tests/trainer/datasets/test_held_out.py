from pathlib import Path

import pytest

from simsvc.errors import SettingsError, SourceEmpty
from tests.trainer.datasets.drawn_photos import write_folder
from trainer.datasets.held_out import KNOWN, known_sources, parts, short
from trainer.datasets.merge import merged


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.chdir(tmp_path)
    one = write_folder(tmp_path / "one", {f"{at}.jpg": at // 20 for at in range(60)})
    two = write_folder(tmp_path / "two", {f"{at}.jpg": at for at in range(5)}, first_seed=80)
    return {"folder:one": one, "folder:two": two}


def test_only_the_held_out_part_of_what_was_learnt_from(sources: dict[str, Path]) -> None:
    """A source that taught the model gives its valid and test faces, another one all of them."""
    one, two = parts(sources, ["folder:one"])
    assert one.split == "valid and test"
    assert one.rows == merged({"folder:one": sources["folder:one"]}).of("valid", "test")
    assert (two.split, len(two.rows), two.name) == ("all", 5, "two")
    assert [part.split for part in parts(sources, ["folder:one"], "test")] == ["test", "all"]


def test_limit(sources: dict[str, Path]) -> None:
    """At most so many faces of a source are drawn, the same ones every time."""
    first = parts(sources, [], limit=4)
    assert [len(part.rows) for part in first] == [4, 4]
    assert parts(sources, [], limit=4) == first


def test_another_readers_name_is_refused(sources: dict[str, Path]) -> None:
    """The parts hang on the name: judging learnt faces under another name would show them as held out."""
    with pytest.raises(SettingsError, match="learnt from windows:one, not from folder:one"):
        parts(sources, ["windows:one"])


def test_sources_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NAME=PATH, each short name once; without any, the known ones as far as they are there."""
    assert known_sources(["folder:a=b"]) == {"folder:a": Path("b")}
    for values, why in (
        (["folder"], "NAME=PATH"),
        (["folder:a=b", "windows:a=b"], "Two sources are named a"),
    ):
        with pytest.raises(SettingsError, match=why):
            known_sources(values)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceEmpty, match="no folder"):
        known_sources(None)
    assert {short(name) for name in KNOWN} >= {"fgnet", "utkface", "portraits"}
