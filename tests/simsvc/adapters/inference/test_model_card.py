from __future__ import annotations

from pathlib import Path

import pytest

from simsvc.adapters.inference.model_card import PLOTS, PNG_SIGNATURE, plots, read_card, read_plot
from simsvc.errors import BundleDamaged, PlotNotFound


def test_a_bundle_may_come_without_a_card(tmp_path: Path) -> None:
    """No file, no card, no plots, and no error."""
    assert read_card(tmp_path) is None
    assert plots(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "[]", "{", "3", "\udcff".encode("utf-8", "surrogateescape")])
def test_a_damaged_card_says_what_to_do(tmp_path: Path, text: str | bytes) -> None:
    """A card that is no JSON object names the command that writes it anew."""
    (tmp_path / "model_card.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BundleDamaged, match="trainer card"):
        read_card(tmp_path)


def test_a_plot_is_given_as_it_lies_there(tmp_path: Path) -> None:
    """Only plots that exist are listed, in the card's order, and their bytes come back."""
    for name in ("groups", "calibration"):
        (tmp_path / f"{name}.png").write_bytes(PNG_SIGNATURE + name.encode())
    assert list(plots(tmp_path)) == ["calibration", "groups"]
    assert read_plot(tmp_path, "groups") == PNG_SIGNATURE + b"groups"


@pytest.mark.parametrize("name", ["../secret", "secret", "", "framing", "groups\x00", "GROUPS"])
def test_no_other_file_is_given(tmp_path: Path, name: str) -> None:
    """A name that is no plot's leads nowhere, even where such a PNG lies; a missing plot is not found."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in (folder / "secret.png", tmp_path / "secret.png"):
        path.write_bytes(PNG_SIGNATURE)
    with pytest.raises(PlotNotFound):
        read_plot(folder, name)


def test_a_plot_that_is_no_png_is_not_given(tmp_path: Path) -> None:
    """A file of that name with other content is not served as a picture."""
    (tmp_path / "groups.png").write_bytes(b"<html>")
    with pytest.raises(PlotNotFound):
        read_plot(tmp_path, "groups")


def test_captions_are_for_people() -> None:
    """Every plot has a caption that is not its file's name."""
    assert all(caption and "_" not in caption for caption in PLOTS.values())
