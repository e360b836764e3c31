from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from simsvc.errors import SettingsError
from tests.drawn_faces import draw_face
from trainer.cli.making.demo_gallery import GALLERY
from trainer.gallery.reading import Reader, Reading
from trainer.options import BUNDLE


@pytest.mark.parametrize(
    ("label", "held"), [(29.9, False), (30, True), (35, True), (42, True), (42.1, False)]
)
def test_a_range_holds_its_ends(label: float, held: bool) -> None:
    """A label lies in the range from its low to its high end, both included."""
    assert Reading(35, 30, 42).holds(label) is held


def test_reads_a_composite_and_no_empty_picture() -> None:
    """A shipped composite gets an estimate in a range; a picture without a face gets none."""
    reader = Reader(BUNDLE)
    shipped = sorted(GALLERY.glob("composite_*.jpg"))
    reading = reader.read(shipped[len(shipped) // 2].read_bytes())
    assert reading is not None
    assert reading.low_years < reading.age_years < reading.high_years
    empty = draw_face(0).resize((1, 1)).resize((160, 160))
    file = io.BytesIO()
    empty.save(file, "JPEG")
    assert reader.read(file.getvalue()) is None


def test_a_model_without_ranges(tmp_path: Path) -> None:
    """A bundle that is not calibrated yet is refused with what to do."""
    folder = tmp_path / "model"
    shutil.copytree(BUNDLE, folder)
    document = json.loads((folder / "model.json").read_text())
    del document["calibration"]
    (folder / "model.json").write_text(json.dumps(document))
    with pytest.raises(SettingsError, match="no calibrated ranges"):
        Reader(folder)
