from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select

from simsvc import cli
from simsvc.settings import Settings, load_settings
from simsvc.store.database import Database
from simsvc.store.tables import BuildRow, FaceRow
from simsvc.web.app import create_app
from simsvc.wiring.audit.served import accept
from simsvc.wiring.services import open_database
from tests.databases import sqlite_database
from tests.tiny_bundle import make_tiny_bundle

LabelledFolder = Callable[..., Path]


@pytest.fixture
def settings(tmp_path: Path, labelled_folder: LabelledFolder) -> Settings:
    return load_settings({}).model_copy(
        update={
            "bundle_dir": make_tiny_bundle(tmp_path / "model"),
            "gallery_dir": labelled_folder(count=5, name="gallery"),
            "index_root": tmp_path / "indexes",
            "database_url": sqlite_database(tmp_path / "simsvc.sqlite3"),
            "secret_key_file": tmp_path / "secret-key",
        }
    )


@pytest.fixture
def app(settings: Settings) -> Flask:
    app = create_app(settings)
    cli.register(app)
    return app


@pytest.fixture
def index(app: Flask) -> Callable[..., str]:
    runner: FlaskCliRunner = app.test_cli_runner()

    def run(*arguments: str, exit_code: int = 0) -> str:
        result = runner.invoke(args=["index", *arguments])
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result.output

    return run


Index = Callable[..., str]


def in_service(settings: Settings) -> str:
    current = json.loads((settings.index_root / "current.json").read_text())
    return f"{current['name']}/{current['build']}"


def test_build_takes_the_demo_gallery_by_default(index: Index, settings: Settings) -> None:
    """Plain `flask index build` indexes the shipped gallery, records it and puts it into service."""
    output = index("build")
    label = in_service(settings)
    assert f"{label}: 5 faces in service." in output
    with Database(settings.database_url).transaction() as session:
        rows = session.execute(select(BuildRow.index_name, BuildRow.build_id, BuildRow.count)).all()
        faces = session.scalar(select(func.count()).select_from(FaceRow))
    assert [tuple(row) for row in rows] == [(*label.split("/"), 5)]
    assert faces == 5


def test_build_of_a_folder_tells_what_was_skipped(index: Index, labelled_folder: LabelledFolder) -> None:
    """The summary counts the photos that were left out, by reason."""
    folder = labelled_folder(count=3)
    (folder / "001.png").write_text("The file is not a known image format")
    output = index("build", "--source", "folder", "--path", str(folder), "--name", "mine")
    assert "mine/b-" in output
    assert "2 faces in service." in output
    assert "1 skipped: not_an_image" in output


def test_build_twice_prints_the_same_sha256(index: Index) -> None:
    """The second build of the same photos is the first one again."""
    first = index("build").splitlines()
    assert "manifest.json sha256 " in first[-1]
    assert index("build").splitlines()[-2:] == first[-2:]


def test_build_if_needed_builds_once(index: Index, settings: Settings) -> None:
    """With --if-needed a good index is left alone; a damaged one, or one of another model, is replaced."""
    assert "5 faces in service" in index("build", "--if-needed")
    assert "intact, and fits" in index("build", "--if-needed")
    (settings.index_root / in_service(settings) / "faces.annoy").unlink()
    assert "5 faces in service" in index("build", "--if-needed")
    make_tiny_bundle(settings.bundle_dir, seed=7)
    assert "flask model accept" in index("build", "--if-needed", exit_code=1)
    accept(settings, open_database(settings))
    assert "5 faces in service" in index("build", "--if-needed")
    assert "intact, and fits" in index("build", "--if-needed")


def test_build_without_a_path_is_a_usage_error(index: Index) -> None:
    """Only the demo gallery lies in a known place."""
    assert "--path DIR" in index("build", "--source", "folder", exit_code=2)


def test_build_errors_are_sentences(index: Index, tmp_path: Path, settings: Settings) -> None:
    """A missing folder, an odd name and a missing model each end in one sentence and exit status 1."""
    absent = str(tmp_path / "absent")
    assert "does not exist" in index("build", "--source", "folder", "--path", absent, exit_code=1)
    assert "is not a valid index name" in index("build", "--name", "A b", exit_code=1)
    (settings.bundle_dir / "model.json").unlink()
    assert "There is no model" in index("build", exit_code=1)


def test_build_takes_the_engine_of_the_settings(settings: Settings) -> None:
    """With SIMSVC_ENGINE=openvino a build is made by it, and the service answers with it from that build."""
    pytest.importorskip("openvino", reason="OpenVINO is not installed; it is an extra of its own")
    app = create_app(settings.model_copy(update={"engine": "openvino"}))
    cli.register(app)
    result = app.test_cli_runner().invoke(args=["index", "build"])
    assert result.exit_code == 0, result.output
    manifest = json.loads((settings.index_root / in_service(settings) / "manifest.json").read_text())
    assert manifest["model"]["engine"] == "openvino"
    assert "openvino" in manifest["libraries"]
    parts = app.test_client().get("/readyz").get_json()["parts"]
    assert parts[0]["sentence"].endswith("run by openvino fp32.")


def test_build_without_the_engine_of_the_settings_is_a_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where OpenVINO is chosen and not installed, the build says how to get it."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    app = create_app(settings.model_copy(update={"engine": "openvino"}))
    cli.register(app)
    result = app.test_cli_runner().invoke(args=["index", "build"])
    assert result.exit_code == 1
    assert "pip install 'simsvc[openvino]'" in result.output


def test_build_through_pytorch_without_pytorch_is_a_sentence(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is installed without PyTorch; asked for it, it says how to get it."""
    monkeypatch.setitem(sys.modules, "trainer.export.torch_model", None)
    assert "pip install 'simsvc[train]'" in index("build", "--engine", "torch", exit_code=1)


def test_list_marks_the_build_in_service(index: Index, labelled_folder: LabelledFolder) -> None:
    """Every build has a line with count, sources and model; a star marks the one in service."""
    assert "flask index build" in index("list", exit_code=1)
    index("build")
    index("build", "--source", "folder", "--path", str(labelled_folder(count=3)), "--use")
    demo, folder = index("list").splitlines()
    assert demo.startswith("  demo/b-")
    assert "5 faces  demo  model tiny-0" in demo
    assert folder.startswith("* folder/b-")


def test_list_shows_a_damaged_build_as_such(index: Index, settings: Settings) -> None:
    """A build whose manifest cannot be read is listed with the error's code."""
    index("build")
    (settings.index_root / in_service(settings) / "manifest.json").unlink()
    assert "index_damaged" in index("list")


def test_verify_checks_the_build_in_service(index: Index, settings: Settings) -> None:
    """A whole build is confirmed; a changed file is named."""
    assert "no index yet" in index("verify", exit_code=1)
    index("build")
    assert "All files are intact" in index("verify")
    assert "All files are intact" in index("verify", in_service(settings))
    (settings.index_root / in_service(settings) / "thumbnails.bin").write_bytes(b"")
    assert "thumbnails.bin" in index("verify", exit_code=1)


def test_verify_refuses_an_index_of_another_model(index: Index, settings: Settings) -> None:
    """After the model was exchanged, the index no longer fits, and the sentence says what to do."""
    index("build")
    make_tiny_bundle(settings.bundle_dir, seed=7)
    output = index("verify", exit_code=1)
    assert "different model (tiny-0)" in output
    assert "flask index build" in output


def test_recall_is_measured_and_timed(index: Index, settings: Settings) -> None:
    """The command says what the build finds of either kind of questions, and how long a search takes."""
    assert "no index yet" in index("recall", exit_code=1)
    index("build")
    for arguments in ((), (in_service(settings), "--queries", "3", "--k", "2")):
        said = index("recall", *arguments)
        assert "Recall for faces in the build: 1.0000." in said
        assert "Recall for new vectors near them: 1.0000." in said
        assert " ms (median, one thread); exact search: " in said
    assert "2 nearest of 5 faces, 3 queries of each kind" in said
    assert "no such index build" in index("recall", "b-ffffffffffff", exit_code=1)


def test_build_with_annoy_of_another_processor_is_a_sentence(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any photo is read, an Annoy that cannot run here is named with its remedy."""
    monkeypatch.setattr("simsvc.adapters.index.engines.annoy_forest.PROBE", "raise SystemExit(1)")
    assert "--no-binary annoy" in index("build", exit_code=1)


def test_use_switches_back(index: Index, settings: Settings, labelled_folder: LabelledFolder) -> None:
    """An older build, named by the beginning of its id, goes back into service."""
    index("build")
    first = in_service(settings)
    index("build", "--source", "folder", "--path", str(labelled_folder(count=3)), "--use")
    assert in_service(settings) != first
    assert f"{first} with 5 faces is in service." in index("use", first.partition("/")[2][:9])
    assert in_service(settings) == first


def test_use_refuses_what_would_not_work(index: Index, settings: Settings) -> None:
    """An unknown build, and a damaged one, leave the pointer where it was."""
    index("build")
    before = in_service(settings)
    assert "flask index list" in index("use", "b-ffffffffffff", exit_code=1)
    (settings.index_root / before / "faces.json").write_text("{}")
    assert "faces.json" in index("use", before, exit_code=1)
    assert in_service(settings) == before


def test_a_running_service_uses_the_new_build(
    app: Flask, index: Index, labelled_folder: LabelledFolder
) -> None:
    """The service that was started before the build answers from the new one at its next request."""
    index("build")
    served = app.extensions["simsvc"].pipeline().index
    assert served().count == 5
    index("build", "--source", "folder", "--path", str(labelled_folder(count=3)), "--use")
    assert served().count == 3


def test_a_second_build_stays_out_of_service(
    app: Flask, index: Index, settings: Settings, labelled_folder: LabelledFolder
) -> None:
    """It stays beside the one in service, says how to use it, and is no switch on record."""
    index("build")
    first, switches = in_service(settings), app.extensions["simsvc"].switches.latest(9)
    said = index("build", "--source", "folder", "--path", str(labelled_folder(count=1)))
    assert in_service(settings) == first
    label = said.split(": ")[0]
    assert f"{label}: 1 face, not in service." in said
    assert f"{first} with 5 faces stays in service." in said
    assert f"flask index use {label}" in said
    assert app.extensions["simsvc"].switches.latest(9) == switches


def test_a_build_goes_into_service_when_asked_to(
    app: Flask, index: Index, settings: Settings, labelled_folder: LabelledFolder
) -> None:
    """With --use, a second build replaces the first, and the switch is on record."""
    index("build")
    first = in_service(settings)
    said = index("build", "--source", "folder", "--path", str(labelled_folder(count=1)), "--use")
    assert f"{in_service(settings)}: 1 face in service." in said
    assert in_service(settings) != first
    assert app.extensions["simsvc"].switches.latest(1)[0].previous == first


def test_a_build_goes_into_service_where_none_can_be_used(index: Index, settings: Settings) -> None:
    """After the model was exchanged, a plain build is the cure that the error message promises."""
    index("build")
    make_tiny_bundle(settings.bundle_dir, seed=7)
    accept(settings, open_database(settings))
    assert "5 faces in service" in index("build")


def test_a_build_says_what_it_found(index: Index, labelled_folder: LabelledFolder) -> None:
    """Ages, copies with their labels, and recall, each in a line."""
    folder = labelled_folder(count=4)
    for name, age in (("x.png", 80), ("y.png", 30)):
        (folder / name).write_bytes((folder / "000.png").read_bytes())
        with (folder / "labels.csv").open("a") as table:
            table.write(f"{name},{age}\n")
    said = index("build", "--source", "folder", "--path", str(folder))
    assert "Labels: 20 to 80 years." in said
    assert "Near-duplicates: 2 further faces of 1 photo." in said
    assert "Conflicting labels: 1 photo with labels more than 5 years apart, not used in comparisons:" in said
    assert "  000.png (20), x.png (80), y.png (30)" in said
    assert "Recall: a search finds 100.0%" in said
