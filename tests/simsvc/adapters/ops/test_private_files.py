"""Every file that the service and its commands make is its account's alone."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from simsvc.settings import Settings
from simsvc.wiring.services import private_places
from tests.servers import environment_of
from tests.simsvc.cli.helpers import command_app
from tests.simsvc.web.programs import program
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo, make_small_site

ROOT = Path(__file__).resolve().parents[4]
OPEN = (0o002, 0o022, 0o000)
"""Masks as operators have them."""


@pytest.fixture(params=OPEN, ids=oct)
def careless(request: pytest.FixtureRequest) -> Iterator[int]:
    """Give the account a mask that keeps nothing to itself."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def open_ones(folder: Path) -> dict[str, str]:
    """Return the files and folders below a folder that others have a right to, with their modes."""
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077
    }


def site_in(home: Path, made: Path) -> Settings:
    """Return settings of a service whose every file is still to be made, with the model of another one."""
    settings = make_small_site(made, faces=12)
    return settings.model_copy(
        update={
            "database_url": f"sqlite:///{home / 'simsvc.sqlite3'}",
            "index_root": home / "indexes",
            "batch_dir": home / "batches",
            "model_root": home / "models",
            "secret_key": "",
            "secret_key_file": home / "secret-key",
            "log_key_file": None,
        }
    )


def test_whatever_is_made_is_private(tmp_path: Path, careless: int) -> None:
    """Database, waiting photos, models, index, table of results and back-up, whatever the mask."""
    del careless
    home = tmp_path / "home"
    settings = site_in(home, tmp_path / "made")
    os.umask(0)
    app = command_app(settings)

    def run(*words: str) -> None:
        result = app.test_cli_runner().invoke(args=words)
        assert result.exit_code == 0, result.output

    run("db", "upgrade")
    run("index", "build")
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(drawn_photo())
    run("estimate", str(photos), "--out", str(home / "results.csv"))
    run("face", "add", str(photos / "a.jpg"), "--age", "34", "--source", "clinic")
    program(app).post("/api/v1/estimates", data={"photo": (io.BytesIO(drawn_photo()), "a.jpg")})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("b.jpg", drawn_photo())
    packed.seek(0)
    sent = signed_in(app).post("/batches", data={"photos": (packed, "b.zip")})
    assert sent.status_code == 303
    assert list((home / "batches" / "waiting").rglob("0*")), "a photo waits"
    run("backup", "create", str(home / "kept"))
    names = {path.name for path in home.rglob("*")}
    assert {"simsvc.sqlite3", "simsvc.sqlite3-wal", "secret-key", "results.csv"} <= names
    assert open_ones(home) == {}
    run("check")
    app.extensions["simsvc"].database.close()


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    """An upgrade closes the files of an older installation; links are not followed, and neighbours stay."""
    settings = make_small_site(tmp_path / "site", faces=12)
    beside = tmp_path / "beside"
    beside.write_text("another's")
    (settings.index_root / "link").symlink_to(beside)
    for path in (tmp_path, *tmp_path.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert len(private_places(settings).open_to_others()) > 5
    app = command_app(settings)
    assert "Run `flask db upgrade`" in app.test_cli_runner().invoke(args=["check"]).output
    assert app.test_cli_runner().invoke(args=["db", "upgrade"]).exit_code == 0
    assert private_places(settings).open_to_others() == ()
    assert open_ones(settings.index_root) == {}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (beside, tmp_path)] == [0o644, 0o755]
    app.extensions["simsvc"].database.close()


def test_a_process_of_its_own_makes_private_files(tmp_path: Path) -> None:
    """Under an open mask, a command's database and the server's files are private."""
    home = tmp_path / "home"
    settings = site_in(home, tmp_path / "made")
    script = (
        "flask --app simsvc.flask_app db upgrade && "
        "python -c 'import simsvc.web.gunicorn_conf, pathlib; "
        f'pathlib.Path("{home}/by-server").write_text("x")\''
    )
    subprocess.run(
        ["sh", "-c", script],
        check=True,
        cwd=ROOT,
        env=environment_of(settings, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"),
        umask=0,
    )
    assert (home / "by-server").is_file()
    assert open_ones(home) == {}
