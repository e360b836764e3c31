from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_detector import DETECTOR_DIR, DOCUMENT, GRAPH, OnnxDetector, detector_of
from simsvc.adapters.ops.atomic_files import fingerprint
from simsvc.domain.photo.decode import decode
from simsvc.errors import DetectorDamaged
from simsvc.values import Face, Photo
from tests.drawn_faces import draw_face
from tests.tiny_bundle import make_tiny_bundle
from trainer.detector.slimface import SlimDetector

GALLERY = DETECTOR_DIR.parent / "gallery"
DATA = Path(__file__).resolve().parents[5] / "shared" / "data"


def photo_of(rgb: np.ndarray) -> Photo:
    return Photo(rgb, rgb.shape[1], rgb.shape[0], "PNG")


@pytest.fixture(scope="module")
def slim() -> SlimDetector:
    return SlimDetector()


@pytest.mark.parametrize("seed", range(12))
def test_finds_the_one_drawn_face_with_its_landmarks(detector: OnnxDetector, seed: int) -> None:
    """A drawn face is found once, with confidence, where it was drawn, eyes above mouth."""
    (face,) = detector.detect(photo_of(np.asarray(draw_face(seed))))
    assert face.confidence > 0.86
    assert face.centre_px == pytest.approx((100, 105), abs=8)
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks_px
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
    assert right_mouth[0] < left_mouth[0]


def test_boxes_are_in_pixels_of_the_photo_not_of_the_scaled_copy(detector: OnnxDetector) -> None:
    """A 1,200 px photo is searched at 640 px, and the box comes back in 1,200 px."""
    (face,) = detector.detect(photo_of(np.asarray(draw_face(1, 1200))))
    assert face.centre_px == pytest.approx((600, 630), abs=40)


def test_finds_nothing_where_nothing_is(detector: OnnxDetector) -> None:
    """A plain grey photo holds no face, and neither does one of a single pixel."""
    assert detector.detect(photo_of(np.full((200, 200, 3), 127, dtype=np.uint8))) == ()
    assert detector.detect(photo_of(np.zeros((1, 1, 3), dtype=np.uint8))) == ()


def two_faces() -> np.ndarray:
    canvas = np.full((400, 640, 3), 150, dtype=np.uint8)
    canvas[100:260, 20:180] = np.asarray(draw_face(1, 160))
    canvas[40:360, 240:560] = np.asarray(draw_face(2, 320))
    return canvas


def test_orders_faces_by_area(detector: OnnxDetector) -> None:
    """The largest face comes first."""
    first, second = detector.detect(photo_of(two_faces()))
    assert first.area_px > second.area_px


def in_a_photo(face_px: int) -> np.ndarray:
    canvas = np.full((960, 1280, 3), 150, dtype=np.uint8)
    canvas[200 : 200 + face_px, 300 : 300 + face_px] = np.asarray(draw_face(1, face_px))
    return canvas


def test_a_large_face_has_the_same_box_after_a_first_look(detector: OnnxDetector) -> None:
    """First look and close-up give the box of the whole look within a tenth of its side."""
    photo = photo_of(in_a_photo(600))
    (whole,) = detector.detect(photo)
    (exact,) = OnnxDetector(first_look_px=320).detect(photo)
    assert exact.centre_px == pytest.approx(whole.centre_px, abs=whole.side_px / 10)
    assert exact.side_px == pytest.approx(whole.side_px, rel=0.1)
    assert exact.landmarks_px[2] == pytest.approx(whole.landmarks_px[2], abs=whole.side_px / 10)


def test_a_small_face_is_searched_for_in_the_whole_photo(detector: OnnxDetector) -> None:
    """A face that is small in the first look is found exactly as without one."""
    photo = photo_of(in_a_photo(180))
    assert OnnxDetector(first_look_px=320).detect(photo) == detector.detect(photo) != ()


def test_looks_as_the_bundle_states(tmp_path: Path) -> None:
    """A model with a first look has its photos looked at so."""
    folder = make_tiny_bundle(tmp_path)
    document = json.loads((folder / "model.json").read_text())
    document["crop"] |= {"first_look_px": 320, "detector": "libfacedetection"}
    (folder / "model.json").write_text(json.dumps(document))
    photo = photo_of(in_a_photo(600))
    assert detector_of(load_bundle(folder)).detect(photo) == OnnxDetector(640, 320).detect(photo)


def unlike(ours: OnnxDetector, theirs: SlimDetector, photo: Photo) -> bool:
    """Say whether the two engines see other faces: confidences, boxes and landmarks, however unsure."""
    return ours.detect(photo) != theirs.detect(photo)


@pytest.mark.parametrize(("height_px", "width_px"), [(32, 32), (1, 700), (33, 65), (480, 640), (255, 97)])
def test_sees_noise_as_libfacedetection_does(
    detector: OnnxDetector, slim: SlimDetector, height_px: int, width_px: int
) -> None:
    """Whatever the photo's shape, what is seen in random pixels is the same."""
    noise = np.random.default_rng(7).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    assert not unlike(detector, slim, photo_of(noise))


def test_sees_faces_as_libfacedetection_does(detector: OnnxDetector, slim: SlimDetector) -> None:
    """Drawn faces and the gallery's composites have the same boxes, landmarks and confidences."""
    drawn = [np.asarray(draw_face(seed, 150 + 11 * seed)) for seed in range(20)]
    composites = [np.asarray(Image.open(path)) for path in sorted(GALLERY.glob("*.jpg"))[::20]]
    pictures = [
        *drawn,
        *composites,
        two_faces(),
        in_a_photo(300),
        two_faces()[::2, ::2],
        two_faces()[:, ::-1],
    ]
    assert [at for at, rgb in enumerate(pictures) if unlike(detector, slim, photo_of(rgb))] == []


def test_sees_a_first_look_as_libfacedetection_does() -> None:
    """First look, close-up and whole look are the same of both engines."""
    ours, theirs = OnnxDetector(640, 320), SlimDetector(640, 320)
    sizes = (130, 260, 390, 520, 700)
    assert [size for size in sizes if unlike(ours, theirs, photo_of(in_a_photo(size)))] == []


@pytest.mark.proof
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is missing")
def test_sees_real_photos_as_libfacedetection_does() -> None:
    """Of hundreds of photos, no face, box, landmark or confidence is another one."""
    ours, theirs = OnnxDetector(640, 320), SlimDetector(640, 320)
    paths = [*(DATA / "photos").glob("*.jpg"), *sorted((DATA / "fairface").glob("*.jpg"))[::4]]
    paths += [*(DATA / "portraits").glob("*.jpg"), *sorted((DATA / "utkface").glob("*.jpg"))[::79]]
    photos = [decode(path.read_bytes()) for path in paths]
    assert len(photos) > 400
    assert [path.name for path, one in zip(paths, photos, strict=True) if unlike(ours, theirs, one)] == []


def test_threads_share_one_detector(detector: OnnxDetector) -> None:
    """Photos of many shapes, looked at by four threads at once, give what one thread sees."""
    photos = [photo_of(np.asarray(draw_face(seed, 100 + 37 * seed))) for seed in range(12)]
    alone: list[tuple[Face, ...]] = [detector.detect(photo) for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detector.detect, photos * 3)) == alone * 3


def _harm(folder: Path, how: str) -> None:
    if how == "no manifest":
        (folder / DOCUMENT).unlink()
    elif how == "no object":
        (folder / DOCUMENT).write_text("[]")
    elif how == "another format":
        (folder / DOCUMENT).write_text((folder / DOCUMENT).read_text().replace('"format": 1', '"format": 2'))
    elif how == "no graph":
        (folder / GRAPH).unlink()
    else:
        graph = bytearray((folder / GRAPH).read_bytes())
        graph[5000] ^= 1
        (folder / GRAPH).write_bytes(graph)


@pytest.mark.parametrize("how", ["no manifest", "no object", "another format", "no graph", "a changed bit"])
def test_a_damaged_detector_says_what_to_do(tmp_path: Path, how: str) -> None:
    """Missing or changed files are a typed error with one sentence, before anything is looked at."""
    folder = Path(shutil.copytree(DETECTOR_DIR, tmp_path / "detector"))
    _harm(folder, how)
    with pytest.raises(DetectorDamaged, match="Reinstall simsvc"):
        OnnxDetector(folder=folder)


def _vouch_for(folder: Path, graph: bytes) -> Path:
    (folder / GRAPH).write_bytes(graph)
    found = fingerprint(folder / GRAPH)
    document = {"format": 1, "files": {GRAPH: {"sha256": found.sha256, "bytes": found.bytes}}}
    (folder / DOCUMENT).write_text(json.dumps(document))
    return folder


def _graph(port: str) -> bytes:
    """Return a graph that adds up its pixels."""
    nodes = [
        helper.make_node("Cast", [port], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["pixels"], ["maps"], keepdims=0),
    ]
    given = helper.make_tensor_value_info(port, TensorProto.UINT8, ["h", "w", 3])
    told = helper.make_tensor_value_info("maps", TensorProto.FLOAT, [])
    graph = helper.make_graph(nodes, "sum", [given], [told])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def test_another_graph_is_refused(tmp_path: Path) -> None:
    """What cannot be loaded, takes something else or answers something else is no detector."""
    for graph in (b"no graph", _graph("photo")):
        with pytest.raises(DetectorDamaged, match="The face detector cannot be used: it"):
            OnnxDetector(folder=_vouch_for(tmp_path, graph))
    with pytest.raises(DetectorDamaged, match="its output is not that of a face detector"):
        OnnxDetector(folder=_vouch_for(tmp_path, _graph("rgb"))).look(np.zeros((32, 32, 3), dtype=np.uint8))
