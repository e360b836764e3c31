"""The judged photo and copies among the labelled faces, with the shipped model on real photos."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from PIL import Image, ImageOps

from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.engines.annoy_index import AnnoyIndex
from simsvc.adapters.index.live_index import LiveIndex
from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.adapters.photos.sources import photos_of_one_age, read_source
from simsvc.domain.estimate.rules import parse_rules
from simsvc.domain.gallery.manifest import sealed, to_json
from simsvc.flows.estimates.estimate import EstimatePipeline, answered
from simsvc.flows.gallery.build_index import BuildRequest, build
from simsvc.flows.gallery.live_faces import LiveFaces
from simsvc.settings import load_settings
from simsvc.values import Estimate, LabelledFace

CASES = Path(__file__).parents[4] / "shared" / "cases"
OWN, COPIES = CASES / "own_photo_in_gallery", CASES / "duplicates_in_gallery"
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not OWN.is_dir(), reason=f"the cases are not at {CASES}"),
]
Judge = Callable[[bytes], Estimate]


class Desk:
    """Builds indexes and judges photos with the shipped model."""

    def __init__(self, root: Path) -> None:
        self.bundle = load_bundle(load_settings({}).bundle_dir)
        self.model, self.detector = OnnxModel(self.bundle), detector_of(self.bundle)
        self.shelf = IndexStore(root)

    def build(self, folder: Path) -> AnnoyIndex:
        """Build an index of a folder and open it."""
        request = BuildRequest("faces", (read_source("folder", folder),))
        manifest = build(
            request,
            self.detector,
            self.model,
            self.shelf,
            on_built=lambda _manifest, _faces: None,
            progress=lambda _done, _total: None,
        )
        return AnnoyIndex(self.shelf.root / manifest.label, self.model.sha256)

    def judge(self, photo: bytes, index: AnnoyIndex, **changes: bool) -> Estimate:
        """Answer for a photo, as the service does."""
        live = LiveIndex(index, self.shelf.face_changes())
        pipeline = EstimatePipeline(
            detector=self.detector,
            model=self.model,
            index=lambda: live,
            recorder=None,  # type: ignore[arg-type] # nothing is recorded
            rules=parse_rules(self.bundle.raw, self.bundle.sha256),
        )
        return answered(photo, "photo.jpg", replace(pipeline, **changes))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def own(desk: Desk) -> AnnoyIndex:
    return desk.build(OWN)


def photo(change: Callable[[Image.Image], Image.Image], kind: str = "JPEG", quality: int = 80) -> bytes:
    """Return the first photo of the gallery, changed and saved again."""
    buffer = io.BytesIO()
    change(Image.open(OWN / "0.jpg").convert("RGB")).save(buffer, kind, quality=quality)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param((OWN / "0.jpg").read_bytes, id="the same bytes"),
        pytest.param(lambda: photo(lambda image: image, "PNG"), id="the same pixels"),
        pytest.param(lambda: photo(lambda image: image, quality=40), id="re-encoded"),
        pytest.param(lambda: photo(lambda image: image.resize((240, 240)), "WEBP"), id="resized"),
        pytest.param(lambda: photo(ImageOps.mirror), id="mirrored"),
        pytest.param(lambda: photo(lambda image: ImageOps.grayscale(image).convert("RGB")), id="grey"),
    ],
)
def test_the_judged_photo_is_no_evidence_for_itself(
    desk: Desk, own: AnnoyIndex, data: Callable[[], bytes]
) -> None:
    """It is set aside with its label, and takes no part in neighbours or their mean age."""
    answer = desk.judge(data(), own)
    assert "This photo is itself a reference face (known age 71), so it was left out" in str(answer.sentence)
    assert "photo_in_gallery" in answer.flags
    assert max(near.age_years for near in answer.neighbours) == 38
    assert answer.evidence is not None
    assert answer.evidence.neighbours_age_years == pytest.approx(32, abs=2)


def test_an_earlier_models_estimate_is_replayed_as_it_was(desk: Desk, own: AnnoyIndex) -> None:
    """Without one vote a photo, the judged photo is its own nearest neighbour, as it was then."""
    answer = desk.judge((OWN / "0.jpg").read_bytes(), own, one_vote=False)
    assert answer.neighbours[0].age_years == 71
    assert answer.evidence is not None
    assert answer.evidence.neighbours_age_years == pytest.approx(70.5, abs=0.5)


def test_a_build_without_groups_tells_the_judged_photo_as_well(
    desk: Desk, own: AnnoyIndex, tmp_path: Path
) -> None:
    """Earlier builds have thumbnails and embeddings, which are enough."""
    files = {name: entry for name, entry in own.manifest.files.items() if name != "copies.npy"}
    manifest = sealed(replace(own.manifest, files=files))
    folder = shutil.copytree(desk.shelf.root / own.label, tmp_path / manifest.label)
    (folder / "manifest.json").write_text(to_json(manifest))
    earlier = AnnoyIndex(folder, desk.model.sha256)
    assert "photo_in_gallery" in desk.judge(photo(ImageOps.mirror), earlier).flags


def test_one_photo_with_twelve_labels_has_no_vote(desk: Desk) -> None:
    """Twelve copies are counted and listed at the build, and are no neighbours of anyone."""
    index = desk.build(COPIES)
    found = index.manifest.copies
    assert found is not None
    assert (found.photos, found.faces, len(found.contradictory)) == (1, 11, 1)
    assert {copy.age_years for copy in found.contradictory[0]} == {float(age) for age in range(60, 72)}
    answer = desk.judge((OWN / "5.jpg").read_bytes(), index)
    assert max(near.age_years for near in answer.neighbours) <= 30
    assert "conflicting ages (60-71)" in str(answer.sentence)


def test_copies_that_agree_have_one_vote(desk: Desk, tmp_path: Path) -> None:
    """Twelve copies with labels a few months apart are one neighbour, and its label is the median."""
    rows = list(csv.DictReader((COPIES / "labels.csv").open()))
    for row in rows:
        shutil.copy(COPIES / row["file"], tmp_path)
    copies = [row["file"] for row in rows if row["file"].startswith("copy")]
    labels = {name: 25.04 + 0.1 * place for place, name in enumerate(copies)}
    labels |= {row["file"]: float(row["age"]) for row in rows if row["file"] not in labels}
    table = "".join(f"{name},{age:.2f}\n" for name, age in labels.items())
    (tmp_path / "labels.csv").write_text("file,age\n" + table)
    answer = desk.judge((OWN / "5.jpg").read_bytes(), desk.build(tmp_path))
    ids = {near.face_id for near in answer.neighbours}
    assert len(ids) == len(answer.neighbours) <= 7
    assert (
        sum(near.age_years in {round(labels[name], 2) for name in copies} for near in answer.neighbours) == 1
    )
    assert "contradict" not in str(answer.sentence)


def test_faces_of_wrong_ages_refer(desk: Desk, tmp_path: Path) -> None:
    """Where every face that looks alike is labelled decades older, the estimate is referred."""
    for path in OWN.glob("*.jpg"):
        shutil.copy(path, tmp_path)
    names = sorted(path.name for path in OWN.glob("*.jpg"))
    (tmp_path / "labels.csv").write_text("file,age\n" + "".join(f"{name},85\n" for name in names))
    answer = desk.judge((OWN / "0.jpg").read_bytes(), desk.build(tmp_path))
    assert "neighbours_disagree" in answer.flags
    assert answer.refer


def test_a_photo_that_was_added_is_no_evidence_for_itself(desk: Desk, own: AnnoyIndex) -> None:
    """A face added without a build is set aside like one of the build."""
    data = photo(ImageOps.mirror)
    added = LiveFaces(
        lambda: own.label, frozenset, desk.shelf.journal, _Book(), desk.detector, desk.model
    ).add(photos_of_one_age("clinic", OWN / "0.jpg", 55.0), "command", lambda _done, _total: None)
    assert len(added.faces) == 1
    answer = desk.judge(data, own)
    assert "(known age 55-71)" in str(answer.sentence)


class _Book:
    """Keeps nothing, and lets the journal write."""

    def find(self, face_id: str) -> LabelledFace | None:
        del face_id
        return None

    def put(
        self,
        faces: object,
        what: str,
        actor: str,
        write: Callable[[], int],
        said: Mapping[str, object] = MappingProxyType({}),
    ) -> int:
        del faces, what, actor, said
        return write()
