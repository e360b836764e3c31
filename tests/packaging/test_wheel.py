"""The sdist and the wheel, built offline, installed into a fresh environment, and used."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "simsvc" / "bundle" / "gallery" / "composite_0500.jpg"
PATIENCE_S = 60
OFFLINE = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist with hatchling."""
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the sdist alone, so that the sdist is proved to be complete.

    By the backend that pip would call: it makes the same file in a third of the time.
    """
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a fresh environment that borrows this one's dependencies; return its bin."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(sys.executable, "-m", "pip", "--python", python, "install", *OFFLINE, wheel)
    return python.parent


@pytest.fixture(scope="module")
def server(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Migrate, build an index of some of the demo faces, serve; return address and token."""
    home = tmp_path_factory.mktemp("home")
    simsvc = installed / "simsvc"
    gallery = {"SIMSVC_GALLERY_DIR": str(part_of(next(installed.parent.rglob("bundle/gallery")), home))}
    run(simsvc, "db", "upgrade", cwd=home)
    run(simsvc, "index", "build", "--if-needed", cwd=home, settings=gallery)
    token = run(simsvc, "token", "create", "test", "--scope", "estimate", cwd=home).strip().splitlines()[-1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{free.getsockname()[1]}"
    command = ["-m", "gunicorn", "-c", "python:simsvc.web.gunicorn_conf", "simsvc.web.app:create_app()"]
    settings = {"SIMSVC_BIND": bind, "SIMSVC_WORKERS": "1", "SIMSVC_BATCH_WORKER": "0"}
    with subprocess.Popen(
        [installed / "python", *command],
        cwd=home,
        env=clean() | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_for(f"http://{bind}/readyz")
        yield f"http://{bind}", token
        process.terminate()


def part_of(gallery: Path, home: Path) -> Path:
    """Copy every thirtieth face of a gallery, with its label: enough for 12 neighbours."""
    copy = home / "gallery"
    copy.mkdir()
    header, *rows = (gallery / "labels.csv").read_text().splitlines()
    (copy / "labels.csv").write_text("\n".join([header, *rows[::30]]) + "\n")
    for row in rows[::30]:
        name = row.partition(",")[0]
        shutil.copy(gallery / name, copy / name)
    return copy


def clean() -> dict[str, str]:
    """Return the environment without what would lead to the checkout."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONPATH", "FLASK_APP", "DATABASE_URL"} and not name.startswith("SIMSVC_")
    }


def run(*command: str | Path, cwd: Path | None = None, settings: dict[str, str] | None = None) -> str:
    """Run a program and return what it prints."""
    env = clean() | (settings or {})
    done = subprocess.run(command, check=False, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wait_for(url: str) -> None:
    """Wait until an address answers 200."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            with urlopen(url):  # noqa: S310 - this test's own server
                return
        except URLError:
            time.sleep(0.1)
    pytest.fail(f"{url} did not answer")


def test_the_wheel_holds_simsvc_alone(wheel: Path) -> None:
    """No trainer and no tests; pages, model, types and migrations are in it."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"simsvc"}
    wanted = {"py.typed", "templates/base.html", "bundle/model/model.onnx", "store/migrations/env.py"}
    wanted |= {f"web/static/vendor/chart.js/{name}" for name in ("chart.umd.min.js", "LICENSE.md")}
    wanted |= {f"web/static/vendor/htmx.org/{name}" for name in ("htmx.min.js", "LICENSE.md")}
    assert {f"simsvc/{name}" for name in wanted} <= set(names)


def test_the_wheel_holds_what_travels_in_evidence(wheel: Path) -> None:
    """README.txt and verify.py are copied from the installed package into each piece of evidence."""
    with zipfile.ZipFile(wheel) as archive:
        assert {"simsvc/evidence/README.txt", "simsvc/evidence/verify.py"} <= set(archive.namelist())


def test_the_sdist_holds_what_a_developer_needs(sdist: Path) -> None:
    """Tests, trainer, documentation, locks and Makefile come with the sources."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"Makefile", "mkdocs.yml", "README.md", "SECURITY.md", "docs/index.md", "requirements/test.txt"}
    assert wanted | {"trainer/__main__.py", "tests/conftest.py", "LICENSE", ".flaskenv"} <= names


def test_the_installed_package_is_the_one_that_runs(installed: Path, tmp_path: Path) -> None:
    """Modules and pages come from the fresh environment, and the trainer is not there."""
    code = (
        "import importlib.util, simsvc, simsvc.settings; print(simsvc.__file__); "
        "print(simsvc.settings.load_settings().templates_dir); print(importlib.util.find_spec('trainer'))"
    )
    file, templates, trainer = run(installed / "python", "-c", code, cwd=tmp_path).splitlines()
    assert Path(file).is_relative_to(installed.parent)
    assert Path(templates).is_relative_to(installed.parent)
    assert trainer == "None"


def test_the_installed_service_estimates_a_photo(server: tuple[str, str]) -> None:
    """A photo sent over HTTP is answered with an age and neighbours of the demo index."""
    url, token = server
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/jpeg"}
    with urlopen(Request(f"{url}/api/v1/estimates", PHOTO.read_bytes(), headers)) as response:  # noqa: S310 - own server
        answer = json.load(response)
    assert answer["status"] == "estimated"
    assert 0 < answer["age_years"] < 100
    assert len(answer["neighbours"]) == 12


def test_the_installed_service_serves_its_pages(server: tuple[str, str]) -> None:
    """The sign-in page is rendered from the wheel's templates."""
    with urlopen(f"{server[0]}/sign-in") as response:  # noqa: S310 - own server
        assert "<form" in response.read().decode()
