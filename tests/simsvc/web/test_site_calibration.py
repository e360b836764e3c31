"""A whole installation whose reference faces are real: the model reads all of them 8 years too old."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from simsvc import cli
from simsvc.adapters.photos.sources import read_source
from simsvc.domain.gallery.manifest import Manifest, from_json, to_json
from simsvc.errors import IndexModelMismatch
from simsvc.flows.build_index import BuildRequest, build
from simsvc.flows.estimate import estimate
from simsvc.settings import Settings
from simsvc.values import RecordedEstimate
from simsvc.web.api.schemas import Estimate as EstimateSchema
from simsvc.web.app import create_app
from simsvc.wiring.indexing import index_services
from simsvc.wiring.labelled_faces import live_faces
from simsvc.wiring.replay import replayer
from tests.drawn_faces import draw_face
from tests.simsvc.web.programs import program
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo, make_small_site

FACES, TOO_OLD_YEARS = 44, 8.0


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
    services = index_services(settings)
    return build(
        BuildRequest(name, (read_source(reader, folder),), trained_on=services.trained_on),
        services.detector,
        services.model("onnx"),
        services.shelf,
        on_built=services.on_built,
        progress=lambda _done, _total: None,
    )


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
    app = create_app(settings)
    cli.register(app)
    yield app
    app.extensions["simsvc"].database.close()


def judged(app: Flask, photo: bytes | None = None) -> RecordedEstimate:
    """Put an estimate of a drawn face on record."""
    return estimate(photo or drawn_photo(), "a.jpg", app.extensions["simsvc"].corridor())


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
    with pytest.raises(IndexModelMismatch, match="fitted to another model"):
        from_json(to_json(foreign))


def test_an_estimate_is_corrected_and_recorded(app: Flask) -> None:
    """The record has the corrected age, the model's own, what was done, and both ages of neighbours."""
    recorded = judged(app)
    answer = recorded.estimate
    assert answer.calibration is not None
    assert answer.raw_age_years is not None
    assert answer.age_years is not None
    assert answer.age_years == pytest.approx(answer.raw_age_years + answer.calibration.shift_years)
    assert answer.calibration.shift_years < -TOO_OLD_YEARS / 2
    assert answer.interval_years is not None
    gaps = [(near.estimated_age_years or 0.0) - near.age_years for near in answer.neighbours]
    assert abs(sum(gaps) / len(gaps)) < TOO_OLD_YEARS / 2
    found = app.extensions["simsvc"].estimates.find(recorded.id).estimate
    assert found == replace(answer, crop=None, photo=None)


def test_the_log_vouches_for_it_and_a_replay_agrees(app: Flask) -> None:
    """The audit finds every record as logged, and the estimate comes out the same again."""
    recorded = judged(app)
    assert app.test_cli_runner().invoke(args=["audit", "verify"]).exit_code == 0
    replay = replayer(app.extensions["simsvc"]).replay(recorded.id, "command", drawn_photo())
    assert replay.agrees
    assert replay.replayed.raw_age_years == recorded.estimate.raw_age_years


def test_faces_that_are_added_and_removed_refit_it(app: Flask, settings: Settings, tmp_path: Path) -> None:
    """With each change the calibration is fitted again; records from before are replayed with theirs."""
    before = judged(app)
    shelf = app.extensions["simsvc"].shelf
    label = shelf.current()
    for seed in range(100, 104):
        draw_face(seed).save(tmp_path / f"{seed}.png")
    names = sorted(path.name for path in tmp_path.glob("*.png"))
    table = "".join(f"{name},20,guest\n" for name in names)
    (tmp_path / "labels.csv").write_text("file,age,person\n" + table)
    faces = live_faces(index_services(settings))
    added = faces.add(read_source("folder", tmp_path, "guests"), "command", lambda _done, _total: None)
    site = shelf.calibration(label)
    assert site is not None
    assert (site.faces, site.persons) == (FACES + 4, FACES - FACES // 4 + 1)
    assert site != shelf.manifest(label).calibration
    service = create_app(settings).extensions["simsvc"]
    index = service.corridor().index()
    assert index.calibration == site
    assert judged(app).estimate.face_changes == before.estimate.face_changes + 1
    for face in added.faces:
        faces.remove(face.face_id, "command")
    again = shelf.calibration(label)
    assert again is not None
    assert again.faces == FACES
    assert again.curve == shelf.manifest(label).calibration.curve
    assert replayer(app.extensions["simsvc"]).replay(before.id, "command", drawn_photo()).agrees


def test_pages_paper_and_interface_say_it(app: Flask) -> None:
    """Result page, side-by-side page, index page, PDF and API show the correction and both ages."""
    recorded = judged(app)
    answer, near = recorded.estimate, recorded.estimate.neighbours[0]
    client = signed_in(app)
    page = client.get(f"/estimates/{recorded.id}").get_data(as_text=True)
    assert f"On your {FACES} reference faces, the model estimates 8 years too old; corrected by -" in page
    assert f"Known age {near.age_years:.0f}" in page
    assert f"Model's estimate {near.estimated_age_years:.0f}" in page
    beside = client.get(f"/estimates/{recorded.id}/faces/1").get_data(as_text=True)
    assert f"model's estimate {near.estimated_age_years:.0f}" in beside
    indexes = client.get("/indexes").get_data(as_text=True)
    assert "Calibration reduces the mean error from " in indexes
    assert indexes.count('<circle class="corrected"') > FACES
    assert client.get(f"/estimates/{recorded.id}/record.pdf").data.startswith(b"%PDF")
    told = program(app).get(f"/api/v1/estimates/{recorded.id}").get_json()
    assert EstimateSchema().validate(told) == {}
    assert told["raw_age_years"] == pytest.approx(answer.raw_age_years, abs=0.01)
    assert told["calibration"]["sentence"] in page
    build = program(app).get(f"/api/v1/indexes/{answer.index}").get_json()
    assert build["calibration"]["bias_years"] == pytest.approx(TOO_OLD_YEARS, abs=0.5)


def test_the_command_prints_and_draws_it(app: Flask, tmp_path: Path) -> None:
    """`flask index calibration` prints errors by cross-validation and decade, and writes a PNG."""
    plot = tmp_path / "plot.png"
    runner = app.test_cli_runner()
    said = runner.invoke(args=["index", "calibration", "--plot", str(plot)])
    assert said.exit_code == 0, said.output
    assert "the model reads 8 years too old" in said.output
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
    services = index_services(mine)
    request = BuildRequest(
        "clinic", (read_source("folder", settings.gallery_dir),), trained_on=frozenset({"folder"})
    )
    made = build(
        request,
        services.detector,
        services.model("onnx"),
        services.shelf,
        on_built=services.on_built,
        progress=lambda _done, _total: None,
    )
    assert made.calibration is not None
    assert made.calibration.reason == "training"
