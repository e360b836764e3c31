from pathlib import Path

import numpy as np
import pytest

from simsvc.adapters.inference.bundle import load_bundle
from tests.small_site import draw_gallery
from tests.tiny_bundle import make_tiny_bundle
from trainer.datasets.registry import read
from trainer.evaluation.audit_plot import draw_looks
from trainer.evaluation.looks import as_text, is_grey, look


def test_grey() -> None:
    """Equal channels are grey, up to what JPEG adds to them; a tint is not."""
    grey = np.full((8, 8, 3), 90, np.uint8)
    assert is_grey(grey)
    assert is_grey(grey + np.array([0, 1, 0], np.uint8))
    assert not is_grey(grey + np.array([20, 0, 0], np.uint8))


def test_looks(tmp_path: Path) -> None:
    """Each source's ages, sizes, sharpness and colour are there, and what the bundle says of a sample."""
    pytest.importorskip("matplotlib")
    bundle = load_bundle(make_tiny_bundle(tmp_path / "bundle"))
    rows = read("folder:drawn", draw_gallery(tmp_path / "faces", 5)).rows
    (one,) = look(rows, bundle, 1, sample=3)
    assert (one.source, one.photos, one.looked_at, one.persons) == ("folder:drawn", 5, 3, None)
    assert one.age_years.low <= one.age_years.middle <= one.age_years.high
    assert one.sharpness.middle > 0
    assert {"mae", "bias"} == set(one.model)
    assert look(rows, bundle, 1, sample=3) == (one,)
    assert "folder:drawn" in as_text([one])
    draw_looks(rows, [one], tmp_path / "sources.png")
    assert (tmp_path / "sources.png").read_bytes().startswith(b"\x89PNG")
