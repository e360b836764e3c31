"""A whole installation whose reference faces are real: the model reads all of them 8 years too old."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from simsvc.adapters.photos.sources import read_source
from simsvc.domain.gallery.manifest import Manifest, from_json, to_json
from simsvc.errors import IndexModelMismatch
from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.values import RecordedEstimate
from simsvc.web.api.common.schemas import Estimate as EstimateSchema
from simsvc.web.app import create_app
from simsvc.wiring.indexing import index_services
from simsvc.wiring.labelled_faces import live_faces
from simsvc.wiring.replay import replayer
from tests.drawn_faces import draw_face
from tests.simsvc.cli.helpers import command_app
from tests.simsvc.web.programs import program
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import build_index, drawn_photo, make_small_site

FACES, TOO_OLD_YEARS = 44, 8.0
GUESTS = itertools.count(100)
"""Seeds of faces that are added: one that was removed is never added again."""


def labelled(folder: Path, estimates_years: list[float]) -> Path:
    """Write labels 8 years below the estimates; every second pair of photos shows one person."""
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "age", "person"))
        for number, years in enumerate(estimates_years):
            age = max(0.0, years - TOO_OLD_YEARS + (number % 3 - 1))
            table.writerow((f"{number:03d}.jpg", f"{age:.2f}", f"p{number // 2}" if number % 4 < 2 else ""))
    return folder


def built(settings: Settings, folder: Path, name: str = "clinic", reader: str = "folder") -> Manifest:
    """Build an index of a folder and put it into service."""
    return build_index(settings, read_source(reader, folder), name, index_services(settings).trained_on)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    root = tmp_path_factory.mktemp("calibrated")
    settings = make_small_site(root, faces=FACES)
    labels = (settings.gallery_dir / "labels.csv").read_text()
    first = built(settings, settings.gallery_dir, "first")
    estimates = index_services(settings).shelf.estimates(first.label)
    assert estimates is not None
    built(settings, labelled(settings.gallery_dir, estimates[:, 0].tolist()))
    (settings.gallery_dir / "labels.csv").write_text(labels)
    return settings


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = command_app(settings.model_copy(update={"case_access": "all"}))
    yield app
    app.extensions["simsvc"].database.close()


def judged(app: Flask, photo: bytes | None = None) -> RecordedEstimate:
    """Put an estimate of a drawn face on record."""
    return estimate(photo or drawn_photo(), "a.jpg", app.extensions["simsvc"].pipeline())


def test_the_build_carries_its_calibration(app: Flask) -> None:
    """The manifest says that the model reads these faces 8 years too old, by a person's own key."""
    shelf = app.extensions["simsvc"].shelf
    manifest = shelf.manifest(shelf.current())
    site = manifest.calibration
    assert site.uses_curve
    assert site.bias_years == pytest.approx(TOO_OLD_YEARS, abs=0.5)
    assert (site.faces, site.persons) == (FACES, FACES - FACES // 4)
    assert from_json(to_json(manifest)) == manifest


def test_a_calibration_of_another_model_is_refused(app: Flask) -> None:
    """A manifest whose calibration was fitted to another model cannot be used."""
    shelf = app.extensions["simsvc"].shelf
    manifest = shelf.manifest(shelf.current())
    foreign = replace(manifest, calibration=replace(manifest.calibration, model_sha256="0" * 64))
    with pytest.raises(IndexModelMismatch, match="come from different models"):
        from_json(to_json(foreign))


def test_an_estimate_is_corrected(app: Flask) -> None:
    """The age is the model's own, shifted by more than half of what it errs; there is a range."""
    answer = judged(app).estimate
    assert answer.calibration is not None
    assert answer.raw_age_years is not None
    assert answer.age_years == pytest.approx(answer.raw_age_years + answer.calibration.shift_years)
    assert answer.calibration.shift_years < -TOO_OLD_YEARS / 2
    assert answer.interval_years is not None


def test_neighbours_have_corrected_ages(app: Flask) -> None:
    """The model's ages of the neighbours are corrected, so that they lie near the known ones."""
    near = judged(app).estimate.neighbours
    gaps = [(each.estimated_age_years or 0.0) - each.age_years for each in near]
    assert abs(sum(gaps) / len(gaps)) < TOO_OLD_YEARS / 2


def test_the_correction_is_on_record(app: Flask) -> None:
    """The record is the answer but for its pictures."""
    recorded = judged(app)
    found = app.extensions["simsvc"].estimates.find(recorded.id).estimate
    assert found == replace(recorded.estimate, crop=None, photo=None)


def test_the_log_vouches_for_it_and_a_replay_agrees(app: Flask) -> None:
    """The audit finds every record as logged, and the estimate comes out the same again."""
    recorded = judged(app)
    assert app.test_cli_runner().invoke(args=["audit", "verify"]).exit_code == 0
    replay = replayer(app.extensions["simsvc"]).replay(recorded.id, "command", drawn_photo())
    assert replay.agrees
    assert replay.replayed.raw_age_years == recorded.estimate.raw_age_years


@pytest.fixture
def added(settings: Settings, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Add four faces to the index in service, and return what removes them again."""
    seeds = [next(GUESTS) for _ in range(4)]
    for seed in seeds:
        draw_face(seed).save(tmp_path / f"{seed}.png")
    table = "".join(f"{seed}.png,20,guest\n" for seed in seeds)
    (tmp_path / "labels.csv").write_text("file,age,person\n" + table)
    faces = live_faces(index_services(settings))
    left = list(faces.add(read_source("folder", tmp_path, "guests"), "command", lambda *_: None).faces)

    def remove() -> None:
        while left:
            faces.remove(left.pop().face_id, "command")

    yield remove
    remove()


@pytest.mark.usefixtures("added")
def test_added_faces_refit_it(app: Flask, settings: Settings) -> None:
    """The calibration is fitted again to all faces, and another process uses it."""
    shelf = app.extensions["simsvc"].shelf
    site = shelf.calibration(shelf.current())
    assert (site.faces, site.persons) == (FACES + 4, FACES - FACES // 4 + 1)
    assert site != shelf.manifest(shelf.current()).calibration
    assert create_app(settings).extensions["simsvc"].pipeline().index().calibration == site


def test_removed_faces_refit_it(app: Flask, added: Callable[[], None]) -> None:
    """Without the added faces it is that of the build again."""
    added()
    shelf = app.extensions["simsvc"].shelf
    site = shelf.calibration(shelf.current())
    assert site.faces == FACES
    assert site.curve == shelf.manifest(shelf.current()).calibration.curve


def test_an_earlier_record_is_replayed_with_its_own_calibration(
    app: Flask, request: pytest.FixtureRequest
) -> None:
    """A record from before faces were added agrees, although a new one has other faces."""
    before = judged(app)
    request.getfixturevalue("added")
    assert judged(app).estimate.face_changes == before.estimate.face_changes + 1
    assert replayer(app.extensions["simsvc"]).replay(before.id, "command", drawn_photo()).agrees


def test_the_result_page_says_it(app: Flask) -> None:
    """The page has the correction, and known and estimated age of each neighbour, also side by side."""
    recorded = judged(app)
    near, client = recorded.estimate.neighbours[0], signed_in(app)
    page = client.get(f"/estimates/{recorded.id}").text
    assert f"On your {FACES} reference faces, the model estimates 8 years too old; corrected by -" in page
    assert f"Known age {near.age_years:.0f}" in page
    assert f"Model's estimate {near.estimated_age_years:.0f}" in page
    beside = client.get(f"/estimates/{recorded.id}/faces/1").text
    assert f"model's estimate {near.estimated_age_years:.0f}" in beside


def test_the_index_page_says_it(app: Flask) -> None:
    """The build's page has the errors before and after, and draws every face corrected."""
    indexes = signed_in(app).get("/indexes").text
    assert "Calibration reduces the mean error from " in indexes
    assert indexes.count('<circle class="corrected"') > FACES


def test_paper_and_interface_say_it(app: Flask) -> None:
    """The PDF is made; the API has the model's own age, the page's sentence, and the build's bias."""
    recorded, client = judged(app), signed_in(app)
    assert client.get(f"/estimates/{recorded.id}/record.pdf", buffered=True).data.startswith(b"%PDF")
    told = program(app).get(f"/api/v1/estimates/{recorded.id}").get_json()
    assert EstimateSchema().validate(told) == {}
    assert told["raw_age_years"] == pytest.approx(recorded.estimate.raw_age_years, abs=0.01)
    assert told["calibration"]["sentence"] in client.get(f"/estimates/{recorded.id}").text
    build = program(app).get(f"/api/v1/indexes/{recorded.estimate.index}").get_json()
    assert build["calibration"]["bias_years"] == pytest.approx(TOO_OLD_YEARS, abs=0.5)


def test_the_command_prints_and_draws_it(app: Flask, tmp_path: Path) -> None:
    """`flask index calibration` prints errors by cross-validation and decade, and writes a PNG."""
    plot = tmp_path / "plot.png"
    runner = app.test_cli_runner()
    said = runner.invoke(args=["index", "calibration", "--plot", str(plot)])
    assert said.exit_code == 0, said.output
    assert "the model estimates 8 years too old" in said.output
    assert "By decade of known age" in said.output
    assert plot.read_bytes().startswith(b"\x89PNG")
    wrong = runner.invoke(args=["index", "calibration", "--plot", str(tmp_path / "plot.gif")])
    assert wrong.exit_code == 1
    assert "Use a file name that ends in .png for --plot." in wrong.output


def test_composites_correct_nothing(settings: Settings, tmp_path: Path) -> None:
    """The demo gallery says nothing of the model's errors, and the answer says that."""
    mine = settings.model_copy(update={"index_root": tmp_path / "indexes"})
    assert built(mine, settings.gallery_dir, "demo", "demo").calibration is not None
    app = create_app(mine)
    answer = judged(app).estimate
    assert answer.calibration is not None
    assert answer.calibration.reason == "composites"
    assert answer.age_years == answer.raw_age_years
    page = signed_in(app).get("/indexes").get_data(as_text=True)
    assert "No site calibration: the reference faces are composites." in page


def test_faces_that_the_model_learned_from_correct_nothing(settings: Settings, tmp_path: Path) -> None:
    """On faces it was trained on a model errs less than on others: they calibrate nothing."""
    mine = settings.model_copy(update={"index_root": tmp_path / "indexes"})
    made = build_index(mine, read_source("folder", settings.gallery_dir), "clinic", frozenset({"folder"}))
    assert made.calibration is not None
    assert made.calibration.reason == "training"
