from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from simsvc.settings import Settings
from simsvc.wiring.services import Services
from tests.drawn_faces import draw_face
from tests.simsvc.cli.helpers import command_app
from tests.small_site import make_small_site

SAME = (
    "photo_name",
    "photo_sha256",
    "age_years",
    "model",
    "index",
    "engine",
    "quality",
    "neighbours",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_small_site(tmp_path_factory.mktemp("site"), faces=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 20 faces, a bad photo, an empty one and one without a face."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(20):
        draw_face(500 + number, 300).save(folder / f"{number:02d}.jpg")
    (folder / "bad.png").write_bytes(b"no photo")
    (folder / "empty.jpg").write_bytes(b"")
    return folder


def run(settings: Settings, *words: object) -> Result:
    return command_app(settings).test_cli_runner().invoke(args=[str(word) for word in words])


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{**row, "record": ""} for row in csv.DictReader(file)]


def records(settings: Settings, rows: Path) -> list[list[Any]]:
    """Return what the records of a table's rows say, and the steps that were timed."""
    with rows.open(encoding="utf-8-sig", newline="") as file:
        ids = [row["record"] for row in csv.DictReader(file) if row["record"]]
    found = [Services(settings).estimates.find(public_id).estimate for public_id in ids]
    return [[*(getattr(one, name) for name in SAME), list(one.ms or ())] for one in found]


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_build_by_ray_is_that_of_this_host(site: Settings, tmp_path: Path, ray_address: str) -> None:
    """Labels, build ID and every file are equal, whether hosts of a cluster embed the faces or this one."""
    for name, words in (("here", ()), ("ray", ("--ray", ray_address))):
        result = run(site.model_copy(update={"index_root": tmp_path / name}), "index", "build", *words)
        assert result.exit_code == 0, result.output
    assert files(tmp_path / "here" / "demo") == files(tmp_path / "ray" / "demo")


@pytest.mark.slow
def test_estimates_by_ray_are_those_of_this_host(
    site: Settings, folder: Path, tmp_path: Path, ray_address: str
) -> None:
    """Rows and records are equal and in one order, whether a cluster looks at the photos or this host."""
    here, by_ray = tmp_path / "here.csv", tmp_path / "ray.csv"
    for out, words in ((here, ()), (by_ray, ("--ray", ray_address))):
        result = run(site, "estimate", folder, tmp_path / "gone.jpg", "--out", out, *words)
        assert result.exit_code == 0, result.output
        assert "23 photos, 20 estimated, 3 refused" in result.output
    assert table(here) == table(by_ray)
    assert records(site, here) == records(site, by_ray)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("nonsense", "is not the address of a Ray cluster"),
        ("127.0.0.1:1", "No Ray cluster answers"),
    ],
)
def test_a_wrong_address_is_a_sentence(
    site: Settings, folder: Path, tmp_path: Path, address: str, says: str
) -> None:
    """An address that is none, or where nobody listens, is told at once."""
    result = run(site, "estimate", folder, "--out", tmp_path / "x.csv", "--ray", address)
    assert (result.exit_code, says in result.output) == (1, True), result.output


def test_without_ray_the_extra_is_named(
    site: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Ray is not installed, the command says what to install."""
    monkeypatch.setitem(sys.modules, "ray", None)
    result = run(site, "estimate", folder, "--out", tmp_path / "x.csv", "--ray", "127.0.0.1:6379")
    assert "pip install 'simsvc[cluster]'" in result.output


def test_ray_works_only_with_a_table(site: Settings, folder: Path) -> None:
    """Single estimates do not go to a cluster."""
    assert "only works with --out" in run(site, "estimate", folder / "00.jpg", "--ray", "127.0.0.1:1").output


@pytest.mark.slow
def test_the_check_says_how_many_processes_a_cluster_has_room_for(site: Settings, ray_address: str) -> None:
    """A cluster that answers is well, with the number of its cores."""
    assert (
        f"{ray_address} answers, with room for 2 processes."
        in run(site, "check", "--ray", ray_address).output
    )
