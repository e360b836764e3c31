"""The promise "Nothing leaves the machine", kept by the service and its commands as a new user runs them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.drawn_faces import draw_face
from tests.helpers import wait_until
from tests.servers import PATIENCE_S, answers, children_of, free_port
from tests.small_site import draw_gallery, drawn_photo
from tests.tracing import bare_environment, new_files, seen, traced
from tests.visitor import Visitor

PASSWORD = "seven grey herons wade"  # noqa: S105 - of an account that lives as long as this test
FIRST = """
flask db upgrade
SIMSVC_WORKERS=2 flask index build --source folder --path faces
flask user add boss --role admin > link
"""
"""What an operator types before the server can start."""
COMMANDS = """
{
  SIMSVC_WORKERS=2 flask estimate photos --out results.csv
  flask backup create backup
  flask check
} & beside=$!
flask estimate photo.jpg --json > one.json
id=$(sed -E 's/.*"id": "([^"]+)".*/\\1/' one.json)
flask replay $id --photo photo.jpg
flask erase estimate $id --yes
flask retention run
wait $beside
"""
"""What an operator types, on both cores at once to save time."""

pytestmark = pytest.mark.slow


class Place:
    """A home folder, a folder for temporary files and a folder for the service, all new."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.temporary = folder, folder / "home", folder / "tmp"
        self.service = folder / "service"
        (self.service / "photos").mkdir(parents=True)
        (self.service / "photo.jpg").write_bytes(drawn_photo())
        for seed in range(4):
            draw_face(600 + seed, 300).save(self.service / "photos" / f"{seed}.jpg")
        draw_gallery(self.service / "faces", 12)
        self.environment = bare_environment(
            self.home,
            FLASK_APP="simsvc.flask_app",
            DATABASE_URL=f"sqlite:///{self.service / 'simsvc.sqlite3'}",
            SECRET_KEY="a key for tests, long enough to sign with",  # noqa: S106 - signs nothing of worth
            SIMSVC_LOG_KEY_FILE=self.service / "log-key.pem",
            SIMSVC_INDEX_ROOT=self.service / "indexes",
            SIMSVC_MODEL_ROOT=self.service / "models",
            SIMSVC_BATCH_DIR=self.service / "batches",
            SIMSVC_WORKERS="1",
        )

    def type(self, commands: str, log: Path) -> None:
        """Run commands under the tracer, as somebody types them in the folder of the service."""
        command = traced(["bash", "-euxc", commands], log)
        done = subprocess.run(
            command, env=self.environment, cwd=self.service, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def assert_kept_to_itself(self, log: Path) -> None:
        """Fail where anything was written elsewhere, connected to elsewhere, or left behind."""
        found = seen(log, self.service)
        assert found.look_ups == set()
        assert found.foreign() == set()
        assert found.outside(self.service, self.temporary) == set()
        assert new_files(self.home) == new_files(self.temporary) == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a service that is set up: tables, an index and the link of the first account."""
    place = Place(tmp_path_factory.mktemp("place"))
    place.type(FIRST, place.folder / "first")
    return place


def test_the_tracer_sees_what_it_looks_for(tmp_path: Path) -> None:
    """A file in the home folder, a connection elsewhere and a look-up are found; none of them is invented."""
    script = """
import os, pathlib, socket
pathlib.Path.home().joinpath("found").write_text("")
os.mkdir(os.path.expanduser("~/folder"))
os.rename(os.path.expanduser("~/found"), os.path.expanduser("~/moved"))
pathlib.Path("/dev/null").write_text("")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.connect(("192.0.2.7", 9))  # sends nothing; an address for documentation, RFC 5737
try:
    socket.getaddrinfo("nowhere.invalid", 443)
except OSError:
    pass
"""
    home = tmp_path / "home"
    command = traced([sys.executable, "-c", script], tmp_path / "log")
    subprocess.run(command, env=bare_environment(home), cwd=tmp_path, check=True)
    found = seen(tmp_path / "log", tmp_path)
    assert found.outside(tmp_path / "tmp") == {str(home / name) for name in ("found", "folder", "moved")}
    assert found.outside(home) == set()
    assert any("192.0.2.7" in address for address in found.foreign())
    assert found.look_ups


def test_setting_up_writes_and_connects_nowhere_else(place: Place) -> None:
    """Migration, index build and the first account keep to the service's folders and to this machine."""
    place.assert_kept_to_itself(place.folder / "first")


@pytest.mark.proof
def test_the_commands_write_and_connect_nowhere_else(place: Place) -> None:
    """Commands from an estimate to an erasure keep to the service's folders and to this machine."""
    log = place.folder / "commands"
    place.type(COMMANDS, log)
    assert len((place.service / "results.csv").read_text().splitlines()) == 5
    place.assert_kept_to_itself(log)


def test_the_server_writes_and_connects_nowhere_else(place: Place) -> None:
    """Server, workers and batch worker keep to themselves through sign-in, pages, an estimate, a batch."""
    log = place.folder / "server"
    with serving(place, log) as url:
        visitor = Visitor(url)
        invitation = re.findall(r"/welcome/\S+", (place.service / "link").read_text())[0]
        visitor.send(invitation, invitation, {"new": PASSWORD, "again": PASSWORD, "password": PASSWORD})
        for page in ("/", "/history", "/gallery", "/model", "/indexes", "/batches", "/api-reference"):
            visitor.get(page)
        answer = visitor.send("/", "/estimates", {}, "photo", drawn_photo(1))
        assert "/estimates/" in answer
        visitor.get(f"{answer}?saliency=1")
        batch = visitor.send("/batches", "/batches", {}, "photos", drawn_photo(2))
        wait_until(lambda: re.search(r"/estimates/\w+", visitor.get(batch)), PATIENCE_S)
    place.assert_kept_to_itself(log)


@contextmanager
def serving(place: Place, log: Path) -> Iterator[str]:
    """Run the server under the tracer as `make run` does, and end it as Ctrl-C does."""
    bind = f"127.0.0.1:{free_port()}"
    server = ["gunicorn", "-c", "python:simsvc.web.gunicorn_conf", "-b", bind, "simsvc.web.app:create_app()"]
    environment = {**place.environment, "SIMSVC_PUBLIC_URL": f"http://{bind}"}
    said = place.service / "log"
    with (
        said.open("wb") as lines,
        subprocess.Popen(
            traced(server, log), env=environment, cwd=place.service, stdout=lines, stderr=lines
        ) as tracer,
    ):
        try:
            wait_until(lambda: answers(bind, tracer, said), PATIENCE_S)
            yield f"http://{bind}"
        finally:
            (first,) = children_of(tracer.pid)
            os.kill(first, signal.SIGINT)
            tracer.wait(PATIENCE_S)
