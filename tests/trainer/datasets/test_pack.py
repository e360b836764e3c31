from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.domain.photo.crop import crop, square_px
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick_labelled
from simsvc.errors import SourceEmpty
from tests.drawn_faces import draw_face
from trainer.datasets.formats.rows import Row
from trainer.datasets.pack import CONTEXT, CROP_PX, PACK_PX, labelled_face, open_pack, packed_square

EDGE = (PACK_PX - CROP_PX) // 2


def photos(folder: Path, count: int = 3) -> list[Row]:
    """Write drawn faces, of which the second cannot be read, and return their rows."""
    rows = []
    for number in range(count):
        path = folder / f"{number}.png"
        draw_face(number).save(path)
        rows.append(Row(path, 20.0 + number, "folder", path.name))
    rows[1].path.write_bytes(rows[1].path.read_bytes()[:200])
    return rows


def test_geometry() -> None:
    """The packed side is the crop's with its context, and the crop lies in the middle by whole pixels."""
    assert PACK_PX == CROP_PX * CONTEXT
    assert 2 * EDGE + CROP_PX == PACK_PX


def test_middle_is_the_crop(tmp_path: Path) -> None:
    """The middle of a packed square is the service's own crop of the same photo."""
    rows = photos(tmp_path)
    pack = open_pack(rows, tmp_path / "packs", workers=1)
    detector = OnnxDetector()
    assert pack.crops.shape == (3, PACK_PX, PACK_PX, 3)
    assert pack.crops.dtype == np.uint8
    for index in (0, 2):
        photo = decode(rows[index].path.read_bytes())
        face = pick_labelled(detector.detect(photo), photo.width_px, photo.height_px)
        assert face is not None
        served = crop(photo.rgb, face, CROP_PX).rgb.astype(int)
        middle = pack.crops[index, EDGE : EDGE + CROP_PX, EDGE : EDGE + CROP_PX].astype(int)
        assert np.abs(middle - served)[2:-2, 2:-2].max() <= 2
        assert np.abs(middle - served).mean() < 0.5
        assert pack.boxes[index] == pytest.approx((*square_px(face), face.confidence), rel=1e-5)


def test_unreadable_photo(tmp_path: Path) -> None:
    """A photo that cannot be read is a row of NaN and counts as unreadable; the others are not disturbed."""
    pack = open_pack(photos(tmp_path), tmp_path / "packs", workers=2)
    assert np.isnan(pack.boxes[1]).all()
    assert pack.readable.tolist() == [True, False, True]
    assert not pack.crops[1].any()


def test_opened_again(tmp_path: Path) -> None:
    """Opening the pack of the same rows again reads no photo: their content may be gone."""
    rows = photos(tmp_path)
    first = open_pack(rows, tmp_path / "packs", workers=1)
    kept = first.crops.copy()
    for row in rows:
        row.path.write_bytes(bytes(row.path.stat().st_size))
    again = open_pack(rows, tmp_path / "packs", workers=1)
    assert np.array_equal(again.crops, kept)
    assert np.array_equal(again.boxes, first.boxes, equal_nan=True)
    assert len(list((tmp_path / "packs").iterdir())) == 1


def test_other_rows(tmp_path: Path) -> None:
    """Other rows, another order, or a photo of another size make another pack; a changed label does not."""
    rows = photos(tmp_path)
    open_pack(rows, tmp_path / "packs", workers=1)
    relabelled = [Row(row.path, 90.0, row.source, row.reference) for row in rows]
    open_pack(relabelled, tmp_path / "packs", workers=1)
    assert len(list((tmp_path / "packs").iterdir())) == 1
    assert len(open_pack(rows[:1], tmp_path / "packs", workers=1).crops) == 1
    turned = open_pack(rows[::-1], tmp_path / "packs", workers=1)
    assert turned.readable.tolist() == [True, False, True]
    draw_face(9, 150).save(rows[0].path)
    open_pack(rows, tmp_path / "packs", workers=1)
    assert len(list((tmp_path / "packs").iterdir())) == 4


def test_half_made_pack(tmp_path: Path) -> None:
    """A pack whose making was stopped is made again."""
    rows = photos(tmp_path)
    open_pack(rows, tmp_path / "packs", workers=1)
    (home,) = (tmp_path / "packs").iterdir()
    (home / "pack.json").unlink()
    (home / "crops.npy").write_bytes(b"half")
    assert open_pack(rows, tmp_path / "packs", workers=1).crops[0].any()


def test_nothing_to_pack(tmp_path: Path) -> None:
    """No rows are refused with a sentence."""
    with pytest.raises(SourceEmpty, match="nothing to pack"):
        open_pack([], tmp_path)


def test_no_face_takes_the_whole_photo(tmp_path: Path) -> None:
    """Where nothing is detected the middle of the photo is taken, with confidence 0."""
    path = tmp_path / "plain.png"
    Image.new("RGB", (120, 80), (90, 120, 150)).save(path)
    photo = decode(path.read_bytes())
    face = labelled_face(photo, OnnxDetector().detect(photo))
    assert face.confidence == 0
    assert square_px(face) == pytest.approx((20, 0, 80))
    pack = open_pack([Row(path, 40.0, "folder", path.name)], tmp_path / "packs", workers=1)
    assert pack.readable.tolist() == [True]
    assert pack.boxes[0] == pytest.approx([20, 0, 80, 0])


def test_context_is_real(tmp_path: Path) -> None:
    """Around the crop lie the photo's own pixels: an eighth of the crop's side more on every side."""
    draw_face(5).save(tmp_path / "a.png")
    photo = decode((tmp_path / "a.png").read_bytes())
    face = labelled_face(photo, OnnxDetector().detect(photo))
    left, top, side = square_px(face)
    square = packed_square(photo, face)
    x, y = 4, 80
    step = side * CONTEXT / PACK_PX
    at = photo.rgb[
        round(top - side / 8 + (y + 0.5) * step - 0.5), round(left - side / 8 + (x + 0.5) * step - 0.5)
    ]
    assert square[y, x].astype(int) == pytest.approx(at.astype(int), abs=12)
