from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.estimate import support
from simsvc.domain.estimate.rules import parse_rules
from simsvc.domain.photo import quality
from simsvc.domain.photo.crop import crop
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick
from simsvc.errors import SourceEmpty
from simsvc.values import LabelledFace, SupportScale
from tests.simsvc.domain.estimate.helpers import RAW
from tests.simsvc.exact_index import ExactIndex
from tests.tiny_bundle import make_tiny_bundle
from tests.trainer.helpers import banded, succeeded
from trainer.__main__ import main
from trainer.datasets.corpus import Corpus
from trainer.datasets.degrade import DEGRADATIONS
from trainer.datasets.formats.rows import Row
from trainer.datasets.merge import MergedData
from trainer.datasets.near_duplicates import DuplicatePairs
from trainer.datasets.pack import labelled_face, open_pack
from trainer.evaluation.judging import Judge, drawn, supports
from trainer.withholding.rules import CLEAN

pytestmark = pytest.mark.usefixtures("elsewhere")

GALLERY = Path(__file__).parents[3] / "simsvc/bundle/gallery"
FACES = {"train": 24, "valid": 16, "test": 8}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Composite faces, parted at will: as near-duplicates the splits would keep many of them together."""
    shipped = sorted(GALLERY.glob("composite_*.jpg"))
    paths = shipped[:: len(shipped) // sum(FACES.values())]
    split = np.array([name for name, count in FACES.items() for _ in range(count)])
    rows = tuple(
        Row(path, float(20 + at), "folder", path.name, gender="female", group="asian")
        for at, path in enumerate(paths[: len(split)])
    )
    pairs = DuplicatePairs(*np.zeros((3, 0)))
    data = MergedData(rows, split, np.arange(len(rows)), pairs, (), ())
    return Corpus(data, open_pack(rows, tmp_path_factory.mktemp("packs"), 1))


def calibrated(folder: Path) -> Path:
    """Write a tiny bundle with a calibration of its own."""
    make_tiny_bundle(folder)
    raw = load_bundle(folder).raw
    raw["calibration"] = RAW | {"model_sha256": load_bundle(folder).sha256}
    (folder / "model.json").write_text(json.dumps(raw))
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return calibrated(tmp_path / "bundle")


def prepared(patch: pytest.MonkeyPatch, corpus: Corpus, bundle: Path) -> list[str]:
    """Have the command measure these faces, in small numbers, and return its arguments."""
    patch.setattr("trainer.cli.measuring.withhold.open_corpus", lambda _sources: corpus)
    patch.setattr("trainer.cli.measuring.withhold.COPIES", 5)
    patch.setattr("trainer.withholding.rules.BIN_FACES", 8)
    source = bundle.with_name("source")
    source.mkdir()
    return ["withhold", "--source", f"folder={source}", "--bundle", str(bundle), "--threads", "1"]


@pytest.fixture
def arguments(bundle: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return prepared(monkeypatch, corpus, bundle)


def test_a_face_is_judged_as_the_service_judges_it(bundle: Path, corpus: Corpus) -> None:
    """Estimate, quality, embedding and refusal are those of the service's steps, view by view."""
    loaded = load_bundle(bundle)
    detector, model = OnnxDetector(), OnnxModel(loaded)
    grey = Path("grey.png")
    Image.new("RGB", (90, 90), (120, 120, 120)).save(grey)
    paths = [corpus.data.rows[0].path, grey, corpus.data.rows[1].path]
    views = Judge(loaded, 1).judge(paths, lambda path: [path.read_bytes(), b"none"], "judge")
    assert views[1].outcomes == ("not_an_image",) * 3
    assert views[0].outcomes == ("estimated", "no_face", "estimated")
    assert views[0].estimated.tolist() == [True, False, True]
    for at in (0, 2):
        photo = decode(paths[at].read_bytes())
        face = pick(detector.detect(photo)).face
        found = model.predict([crop(photo.rgb, face, model.input_px, model.crop_margin)])
        assert views[0].estimates_years[at] == pytest.approx(found.ages_years[0], abs=1e-3)
        assert views[0].embeddings[at] == pytest.approx(found.embeddings[0], abs=1e-5)
        assert views[0].qualities[at] == quality.measure(photo, face, model.crop_margin)


def test_the_gallery_is_embedded_as_an_index_build_does(bundle: Path, corpus: Corpus) -> None:
    """The crops that the pack's boxes give are those of the labelled faces, whatever the model's margin."""
    raw = load_bundle(bundle).raw
    raw["crop"]["margin"] = 1.3
    (bundle / "model.json").write_text(json.dumps(raw))
    loaded = load_bundle(bundle)
    detector, model = OnnxDetector(), OnnxModel(loaded)
    found = Judge(loaded, 1).embeddings(corpus, "train", None)
    assert found.shape == (24, 16)
    for row, embedding in zip(corpus.data.rows[:24:6], found[::6], strict=True):
        photo = decode(row.path.read_bytes())
        face = labelled_face(photo, detector.detect(photo))
        (expected,) = model.predict([crop(photo.rgb, face, model.input_px, 1.3)]).embeddings
        assert embedding == pytest.approx(expected, abs=1e-3)
    with pytest.raises(SourceEmpty, match="support needs more than 10"):
        Judge(loaded, 1).embeddings(corpus, "test", None)


def test_support_is_what_an_exact_index_gives() -> None:
    """The share of each query is that of the service's own search; without an embedding there is none."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((70, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    gallery, queries = rows[:50], np.concatenate([rows[50:], np.full((1, 8), np.nan, dtype=np.float32)])
    index = ExactIndex([LabelledFace(f"f{at}", 30.0, "s", str(at)) for at in range(50)], gallery)
    scale = index.support_scale
    assert isinstance(scale, SupportScale)
    found = supports(queries, gallery, scale)
    for share, query in zip(found[:-1], queries[:-1], strict=True):
        assert share == pytest.approx(support.support(index.search(query, 20), scale), abs=1e-5)
    assert np.isnan(found[-1])


def test_what_is_drawn_is_always_the_same() -> None:
    """At most so many, in order; all of them where there is no limit."""
    positions = np.arange(100, 120)
    assert drawn(positions, None).tolist() == drawn(positions, 20).tolist() == positions.tolist()
    some = drawn(positions, 7)
    assert len(some) == 7
    assert some.tolist() == sorted(some.tolist()) == drawn(positions, 7).tolist()


@pytest.fixture(scope="module")
def measured(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what the command wrote, `bundle`, `before` and `printed` among it."""
    folder = tmp_path_factory.mktemp("measured")
    bundle = calibrated(folder / "bundle")
    bands = banded(folder / "bands", ["30-39,Male", "40-49,Female", "3-9,Male"])
    figures, picture = folder / "withhold.json", folder / "withheld.png"
    shown = ["--fairface", bands, "--json", figures, "--plot", picture]
    before = dict(load_bundle(bundle).raw)
    with pytest.MonkeyPatch.context() as patch:
        printed = succeeded(folder, *prepared(patch, corpus, bundle), *shown)
    assert Image.open(picture).size[0] > 1000
    document: dict[str, Any] = json.loads(figures.read_text())
    return document | {"bundle": bundle, "before": before, "printed": printed}


def test_both_entries_are_written_for_this_model(measured: dict[str, Any]) -> None:
    """model.json has thresholds of quality and of withholding with their source; all else stays."""
    loaded = load_bundle(measured["bundle"])
    raw = dict(loaded.raw)
    for name in ("quality", "withhold"):
        assert raw.pop(name) == measured[name]
        assert measured[name]["model_sha256"] == loaded.sha256
        assert "16 validation faces of folder" in measured[name]["source"]
    assert raw == measured["before"]


def test_the_bounds_are_those_that_the_service_reads(measured: dict[str, Any]) -> None:
    """What is stated is what the service's rules hold; the rule is printed."""
    loaded = load_bundle(measured["bundle"])
    rules = parse_rules(loaded.raw, loaded.sha256)
    stated = {(e["level"], e["name"]): e["bound"] for e in measured["bounds"]}
    assert stated == {
        **{("quality", name): bound for name, bound in rules.thresholds.items()},
        **{("withhold", name): bound for name, bound in rules.withhold_beyond.items()},
    }
    assert measured["rule"] in measured["printed"]


def test_the_trade_covers_every_set_and_copy(measured: dict[str, Any]) -> None:
    """Test faces, their degraded copies and faces with bands of ages are ruled, by part and kind of copy."""
    assert set(measured["trade"]) == set(measured["ruled"]) == {"test", "degraded", "bands"}
    assert [row["kind"] for row in measured["degraded"]] == [CLEAN, *(how.kind for how in DEGRADATIONS)]
    assert measured["ruled"]["degraded"]["photos"] == 5 * len(DEGRADATIONS)
    assert measured["ruled"]["test"]["photos"] == 8
    assert {row["part"] for row in measured["parts"]} >= {"group asian", "gender female"}


def test_a_trial_leaves_the_bundle_alone(
    arguments: list[str], bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --limit figures are shown and written, and model.json stays as it was, byte by byte."""
    before = (bundle / "model.json").read_bytes()
    figures = tmp_path / "withhold.json"
    assert main([*arguments, "--limit", "2", "--json", str(figures)]) == 0
    document = json.loads(figures.read_text())
    assert document["trade"]["test"][0]["answered"] <= 2
    assert "bands" not in document["trade"]
    assert "no ../shared/data/fairface" in capsys.readouterr().out
    assert (bundle / "model.json").read_bytes() == before


def test_a_model_without_ranges_is_refused(
    arguments: list[str], bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Coverage needs a calibration; the sentence names the command that makes one."""
    raw = load_bundle(bundle).raw
    del raw["calibration"]
    (bundle / "model.json").write_text(json.dumps(raw))
    assert main(arguments) == 2
    assert "trainer calibrate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--json", "no/where.json"], "no folder no to write"),
        (["--plot", "no/where.png"], "no folder no to write"),
        (["--fairface", "gone"], "no labels.csv in gone"),
        (["--source", "folder=gone"], "no folder gone"),
        (["--bundle", "gone"], "no model"),
    ],
)
def test_refusals(
    extra: list[str], sentence: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be measured is said in one sentence, before any work."""
    assert main([*arguments, *extra]) == 2
    assert sentence in capsys.readouterr().err
