from __future__ import annotations

import io
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.current import CurrentIndex
from simsvc.adapters.index.engines.annoy_index import AnnoyIndex
from simsvc.adapters.index.live_index import LiveIndex
from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.adapters.photos.sources import read_source
from simsvc.domain.estimate.support import measure
from simsvc.domain.gallery.manifest import Manifest, Skipped, SourceSummary
from simsvc.domain.photo.crop import crop
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick_labelled
from simsvc.errors import BundleDamaged, SourceEmpty, StoreError
from simsvc.flows.gallery import build_index
from simsvc.flows.gallery.build_index import BuildRequest, build
from simsvc.ports import Detector
from simsvc.values import Crop, Face, LabelledFace, Photo, Prediction
from tests.drawn_faces import draw_face

ROOT = Path(__file__).parents[4]
LabelledFolder = Callable[..., Path]


class Builder:
    """Builds with the real engines into one root, and remembers what was put on record."""

    def __init__(self, root: Path, detector: OnnxDetector, model: OnnxModel) -> None:
        self.shelf = IndexStore(root)
        self.detector, self.model = detector, model
        self.recorded: list[tuple[str, tuple[LabelledFace, ...], str | None]] = []
        self.progress: list[tuple[int, int]] = []

    def __call__(self, folder: Path, source: str = "folder", workers: int = 2) -> Manifest:
        """Build the index "demo" from a folder."""
        request = BuildRequest("demo", (read_source(source, folder),), workers=workers)
        return build(
            request,
            self.detector,
            self.model,
            self.shelf,
            on_built=self.record,
            progress=lambda done, total: self.progress.append((done, total)),
            use=self.shelf.switch,
        )

    def record(self, manifest: Manifest, faces: Sequence[LabelledFace]) -> None:
        """Note the build, and what was in service at that moment."""
        self.recorded.append((manifest.label, tuple(faces), self.shelf.current()))

    def index(self) -> LiveIndex:
        """Open the index in service, as a service that starts now does."""
        return CurrentIndex(self.shelf.root, self.model.sha256).get()


@pytest.fixture
def builder(tmp_path: Path, detector: OnnxDetector, tiny_model: OnnxModel) -> Builder:
    return Builder(tmp_path / "indexes", detector, tiny_model)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_photo_becomes_its_own_nearest_face(builder: Builder, labelled_folder: LabelledFolder) -> None:
    """Each photo, walked by hand through the steps, finds itself in the index, with its label."""
    folder = labelled_folder(count=8)
    manifest = builder(folder)
    assert (manifest.count, manifest.facts.skipped) == (8, ())
    assert manifest.sources == (SourceSummary("folder", 8, 0),)
    index = builder.index()
    for number in range(8):
        photo = decode((folder / f"{number:03}.png").read_bytes())
        face = pick_labelled(builder.detector.detect(photo), photo.width_px, photo.height_px)
        assert face is not None
        embedding = builder.model.predict([crop(photo.rgb, face, 32, 1.1)]).embeddings[0]
        nearest = index.search(embedding, 1)[0]
        assert nearest.distance == pytest.approx(0, abs=2e-3)
        assert nearest.age_years == 20 + number
        assert index.faces[number].face_id == nearest.face_id


def test_thumbnails_show_the_crop(builder: Builder, labelled_folder: LabelledFolder) -> None:
    """A face's thumbnail is a 160 px JPEG of what the model saw."""
    folder = labelled_folder(count=2)
    builder(folder)
    index = builder.index()
    thumbnail = Image.open(io.BytesIO(index.thumbnail(index.faces[1].face_id)))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (160, 160))
    photo = decode((folder / "001.png").read_bytes())
    shown = crop(photo.rgb, builder.detector.detect(photo)[0], 160, 1.1).rgb
    assert np.abs(np.asarray(thumbnail, dtype=float) - shown).mean() < 4


def test_the_same_photos_give_the_same_bytes(builder: Builder, labelled_folder: LabelledFolder) -> None:
    """A copy of the folder, read in another order by more threads, gives the same build, byte for byte."""
    folder = labelled_folder(count=6)
    first = builder(folder)
    before = files_of(builder.shelf.root / first.label)
    shutil.rmtree(builder.shelf.root)
    copy = folder.with_name("copy")
    copy.mkdir()
    for path in sorted(folder.iterdir(), reverse=True):
        shutil.copy(path, copy)
    rows = (folder / "labels.csv").read_text().splitlines()
    (copy / "labels.csv").write_text("\n".join([rows[0], *reversed(rows[1:])]))
    second = builder(copy, workers=4)
    assert second == first
    assert files_of(builder.shelf.root / second.label) == before


def test_the_build_measures_how_far_apart_its_faces_are(
    builder: Builder, labelled_folder: LabelledFolder
) -> None:
    """The manifest has the scale of exactly the indexed embeddings; a build of too few faces has none."""
    index = AnnoyIndex(
        builder.shelf.root / builder(labelled_folder(count=14, first_seed=26)).label, builder.model.sha256
    )
    assert index.support_scale == measure(index.embeddings())
    assert index.support_scale is not None
    assert builder(labelled_folder(count=3, name="few")).support is None


def test_another_label_gives_another_build(builder: Builder, labelled_folder: LabelledFolder) -> None:
    """Labels are part of the build's identity, though the pixels are the same."""
    folder = labelled_folder(count=3)
    first = builder(folder)
    table = folder / "labels.csv"
    table.write_text(table.read_text().replace(",22", ",23"))
    second = builder(folder)
    assert first.build != second.build
    assert first.labels_sha256 != second.labels_sha256
    assert [face.face_id for _, faces, _ in builder.recorded for face in faces][:3] == [
        face.face_id for face in builder.recorded[1][1]
    ]


def test_photos_that_cannot_be_used_are_listed(builder: Builder, labelled_folder: LabelledFolder) -> None:
    """No face, no image, no file, no bytes: each is named in the manifest with its reason, none is fatal."""
    folder = labelled_folder(count=3)
    Image.new("RGB", (200, 200), "grey").save(folder / "plain.png")
    (folder / "text.png").write_text("The file is not a known image format")
    (folder / "empty.png").touch()
    rows = "".join(f"{name}.png,30\n" for name in ("plain", "text", "empty", "absent"))
    with (folder / "labels.csv").open("a") as table:
        table.write(rows)
    manifest = builder(folder)
    assert manifest.count == 3
    assert manifest.facts.skipped == (
        Skipped("absent.png", "missing_file"),
        Skipped("empty.png", "empty_photo"),
        Skipped("plain.png", "no_face"),
        Skipped("text.png", "not_an_image"),
    )


def test_aligned_photos_without_a_detection_are_taken_whole(builder: Builder, tmp_path: Path) -> None:
    """In an aligned source, a photo in which nothing is detected is a face all the same, and is counted."""
    folder = tmp_path / "utkface"
    folder.mkdir()
    draw_face(1).save(folder / "31_0_0_20170116174525125.jpg.chip.jpg")
    Image.new("RGB", (200, 200), "grey").save(folder / "90_0_0_20170116174525125.jpg.chip.jpg")
    manifest = builder(folder, source="utkface")
    assert manifest.sources == (SourceSummary("utkface", 2, 1),)


def test_a_folder_without_a_usable_face_is_a_sentence(builder: Builder, tmp_path: Path) -> None:
    """Where nothing is left, there is no build, and the sentence says what to choose."""
    (tmp_path / "x.png").write_text("The file is not a known image format")
    (tmp_path / "labels.csv").write_text("file,age\nx.png,3\n")
    with pytest.raises(SourceEmpty, match="None of the 1 photos"):
        builder(tmp_path)
    assert builder.shelf.labels() == ()
    assert builder.shelf.current() is None


def test_progress_counts_every_photo_once(builder: Builder, labelled_folder: LabelledFolder) -> None:
    """Progress is told after each photo, skipped ones too, and ends at the total."""
    folder = labelled_folder(count=3)
    (folder / "001.png").write_text("The file is not a known image format")
    builder(folder)
    assert builder.progress == [(1, 3), (2, 3), (3, 3)]


def test_more_photos_than_one_chunk_holds(
    builder: Builder, labelled_folder: LabelledFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks smaller than the folder lose no face and change no order."""
    monkeypatch.setattr(build_index, "CHUNK", 3)
    assert builder(labelled_folder(count=10)).count == 10
    assert [face.age_years for face in builder.index().faces] == [20.0 + number for number in range(10)]


def test_on_record_first_then_in_service(builder: Builder, labelled_folder: LabelledFolder) -> None:
    """The build and its faces are on record before anyone can be shown them."""
    manifest = builder(labelled_folder(count=3))
    ((label, faces, current_then),) = builder.recorded
    assert (label, len(faces), current_then) == (manifest.label, 3, None)
    assert builder.shelf.current() == manifest.label


def test_a_build_that_cannot_be_recorded_does_not_go_into_service(
    builder: Builder, labelled_folder: LabelledFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the database refuses, the old build stays in service, and the next try goes through."""
    old = builder(labelled_folder(count=3))

    def refuse(*_: object) -> None:
        raise StoreError("The database is locked.")

    newer = labelled_folder(count=4, name="newer")
    with monkeypatch.context() as patch:
        patch.setattr(builder, "record", refuse)
        with pytest.raises(StoreError):
            builder(newer)
    assert builder.shelf.current() == old.label
    assert builder(newer).label == builder.shelf.current()


class _Confused:
    """A model whose answer makes no sense, from the second face on."""

    version, sha256, dims, input_px, crop_margin = "confused", "00" * 32, 16, 32, 1.1
    first_decode_px = None
    reading = 1
    engine, at_once, has_distribution, point = "confused", 1, False, "mean"

    def predict(self, crops: Sequence[Crop]) -> Prediction:
        raise BundleDamaged(f"The model cannot be used: it fails on {len(crops)} crops.")


def test_a_failing_model_leaves_the_old_index(builder: Builder, labelled_folder: LabelledFolder) -> None:
    """An error in the middle of a build reaches the caller, and nothing of the build stays behind."""
    folder = labelled_folder(count=3)
    old = builder(folder)
    request = BuildRequest("demo", (read_source("folder", folder),))
    with pytest.raises(BundleDamaged):
        build(
            request,
            builder.detector,
            _Confused(),
            builder.shelf,
            on_built=builder.record,
            progress=lambda _done, _total: None,
            use=builder.shelf.switch,
        )
    assert builder.shelf.current() == old.label
    assert [path.name for path in (builder.shelf.root / "demo").iterdir()] == [old.build]


class _Counting:
    """A sure detector that counts, and ends the build at a photo as a kill does."""

    def __init__(self, inner: Detector, most: int) -> None:
        self.inner, self.most, self.asked = inner, most, 0

    def detect(self, photo: Photo) -> tuple[Face, ...]:
        self.asked += 1
        if self.asked > self.most:
            raise KeyboardInterrupt
        return tuple(replace(face, confidence=0.99) for face in self.inner.detect(photo))


def test_a_build_that_was_cut_off_goes_on(builder: Builder, labelled_folder: LabelledFolder) -> None:
    """The photos of whole chunks are not looked at again, and the build has the bytes of one in one go."""
    folder = labelled_folder(count=20)
    whole = builder(folder, workers=1)
    expected = files_of(builder.shelf.root / whole.label)
    shutil.rmtree(builder.shelf.root)
    builder.detector = first = _Counting(builder.detector, most=17)  # type: ignore[assignment] # behind the same port
    with pytest.raises(KeyboardInterrupt):
        builder(folder, workers=1)
    builder.detector = second = _Counting(first.inner, most=99)  # type: ignore[assignment] # behind the same port
    again = builder(folder, workers=1)
    assert second.asked == 20 - 2 * build_index.CHUNK
    assert files_of(builder.shelf.root / again.label) == expected
    assert [path.name for path in (builder.shelf.root / "demo").iterdir()] == [again.build]


def test_a_photo_that_changed_meanwhile_is_embedded_anew(
    builder: Builder, labelled_folder: LabelledFolder
) -> None:
    """What was embedded before a build was cut off is not taken for another file of the same name."""
    folder = labelled_folder(count=20)
    builder.detector = first = _Counting(builder.detector, most=17)  # type: ignore[assignment] # behind the same port
    with pytest.raises(KeyboardInterrupt):
        builder(folder, workers=1)
    draw_face(77).save(folder / "003.png")
    builder.detector = first.inner
    changed = files_of(builder.shelf.root / builder(folder).label)
    shutil.rmtree(builder.shelf.root)
    assert files_of(builder.shelf.root / builder(folder).label) == changed


class _FarOff:
    """A detector that takes what is in the corner for the face."""

    def detect(self, photo: Photo) -> tuple[Face, ...]:
        return (Face(0, 0, photo.width_px / 4, photo.height_px / 4, 0.9),)


def test_the_detector_decides_what_is_embedded(builder: Builder, labelled_folder: LabelledFolder) -> None:
    """Another box gives other embeddings: the crop really is what the detector found."""
    folder = labelled_folder(count=3)
    builder(folder)
    before = builder.index().base.embeddings()
    builder.detector = _FarOff()  # type: ignore[assignment] # another detector behind the same port
    builder(folder)
    assert np.abs(builder.index().base.embeddings() - before).max() > 0.1


_KILLED = """
import sys
from pathlib import Path
from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.adapters.photos.sources import read_source
from simsvc.flows.gallery.build_index import BuildRequest, build
root, bundle, photos = map(Path, sys.argv[1:])
model, shelf = OnnxModel(load_bundle(bundle)), IndexStore(root)
request = BuildRequest("demo", (read_source("folder", photos),))
print("ready", flush=True)
ignore = lambda *_: None
build(request, OnnxDetector(), model, shelf, on_built=ignore, progress=ignore, use=shelf.switch)
"""


@pytest.mark.slow
def test_a_killed_build_leaves_the_current_one_in_service(
    builder: Builder, labelled_folder: LabelledFolder, tiny_bundle_folder: Path
) -> None:
    """Killed (-9) at five moments from start to end, a build leaves an index in service that answers."""
    old = builder(labelled_folder(count=5))
    newer = labelled_folder(count=60, name="newer", first_seed=100)
    arguments = [sys.executable, "-c", _KILLED, builder.shelf.root, tiny_bundle_folder, newer]
    seconds = _seconds_of_a_whole_build(arguments, builder.shelf.root, old)
    dice = random.Random(1)  # noqa: S311 - moments to kill at, not a secret
    interrupted = 0
    for turn in range(5):
        _killed_after(arguments, seconds * (turn + dice.random()) / 5)
        interrupted += any((builder.shelf.root / "demo").glob(".building-*"))
        index = builder.index()
        assert index.label in {old.label, *builder.shelf.labels()}
        assert len(index.search(index.base.embeddings()[0], 5)) == 5
        for label in builder.shelf.labels():
            builder.shelf.verify(label)
    assert interrupted > 0, "no build was killed in the middle"
    builder(newer)
    left = {path.name for path in (builder.shelf.root / "demo").iterdir()}
    assert left == {label.partition("/")[2] for label in builder.shelf.labels()}, "leftovers are swept"


def _seconds_of_a_whole_build(arguments: Sequence[object], root: Path, old: Manifest) -> float:
    """Run one build to its end, undo it, and return how long it took after its start-up."""
    with _started(arguments) as process:
        start = time.monotonic()
        assert process.wait(120) == 0
        seconds = time.monotonic() - start
    current = root / "current.json"
    new = json.loads(current.read_text())["build"]
    shutil.rmtree(root / "demo" / new)
    current.write_text(json.dumps({"name": old.name, "build": old.build}))
    return seconds


def _killed_after(arguments: Sequence[object], seconds: float) -> None:
    with _started(arguments) as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait(30)


def _started(arguments: Sequence[object]) -> subprocess.Popen[str]:
    """Start the build and return when its engines are up."""
    words = [str(word) for word in arguments]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process
