"""Bulk estimates by Ray of photos in an object store, with the command killed half way."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from simsvc.settings import Settings
from simsvc.store.database import Database
from simsvc.store.tables import EstimateRow
from tests.drawn_faces import draw_face
from tests.helpers import wait_until
from tests.object_servers import S3Server
from tests.ray_cluster import QUIET, small_cluster
from tests.servers import environment_of
from tests.small_site import make_small_site

pytestmark = [pytest.mark.slow, pytest.mark.proof]
pytest.importorskip("fsspec")
pytest.importorskip("s3fs")

PHOTOS = 400


@dataclass(frozen=True)
class Installation:
    site: Settings
    address: str
    environment: dict[str, str]

    def command(self, *words: object) -> list[str]:
        return [sys.executable, "-m", "flask", "--app", "simsvc.flask_app", "estimate", *map(str, words)]

    def run(self, *words: object) -> str:
        command = self.command(*words)
        result = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Iterator[Installation]:
    """Have an object store with 400 photos and a bad one, and a cluster that reads it."""
    folder = tmp_path_factory.mktemp("installed")
    site = make_small_site(folder / "site", faces=15)
    draw_face(500, 300).save(folder / "face.jpg")
    s3.make_bucket("photos")
    store, files = s3.environment(), s3.filesystem()
    with small_cluster(2, **store) as cluster:
        files.pipe(
            {f"photos/in/{number:03d}.jpg": (folder / "face.jpg").read_bytes() for number in range(PHOTOS)}
        )
        files.pipe_file("photos/in/bad.png", b"no photo")
        yield Installation(site, cluster.address, environment_of(site, **store, **QUIET))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def on_record(site: Settings) -> int:
    with Database(site.database_url).reading() as session:
        return session.scalar(select(func.count()).select_from(EstimateRow)) or 0


def test_a_killed_command_resumes(installed: Installation, tmp_path: Path) -> None:
    """Killed (-9) half way and run again, each photo has one row and one record, as on this host alone."""
    before, out, here = on_record(installed.site), tmp_path / "ray.csv", tmp_path / "here.csv"
    words = ("s3://photos/in", "--out", out, "--ray", installed.address)
    part = out.with_name("ray.csv.part")
    with subprocess.Popen(
        installed.command(*words), env=installed.environment, stderr=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: process.poll() is not None or (part.exists() and part.stat().st_size > 1_000))
        process.kill()
    assert not out.exists(), "the command ended before it was killed"
    done = on_record(installed.site) - before
    said = installed.run(*words)
    assert 0 < done < PHOTOS
    assert f"{PHOTOS + 1} photos, {PHOTOS} estimated, 1 refused" in said
    assert on_record(installed.site) - before == PHOTOS + 1
    installed.run("s3://photos/in", "--out", here, "--no-record")
    assert [{**row, "record": ""} for row in rows(out)] == rows(here)
