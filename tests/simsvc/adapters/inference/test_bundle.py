from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsvc.adapters.inference.bundle import checked, load_bundle
from simsvc.errors import BundleDamaged, BundleMissing
from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture
def bundle_folder(tmp_path: Path) -> Path:
    return make_tiny_bundle(tmp_path / "model")


def test_loads_what_model_json_states(bundle_folder: Path) -> None:
    """Every field of the bundle is that of model.json, and its identity is that of model.onnx."""
    bundle = load_bundle(bundle_folder)
    raw = json.loads((bundle_folder / "model.json").read_text())
    assert (bundle.name, bundle.version, bundle.dims, bundle.size_px) == ("tiny", "tiny-0", 16, 32)
    assert bundle.sha256 == raw["files"]["model.onnx"]["sha256"]
    assert (bundle.margin, bundle.working_side_px) == (1.1, 640)
    assert bundle.mean == tuple(raw["input"]["mean"])
    assert bundle.std == tuple(raw["input"]["std"])
    assert bundle.raw == raw


@pytest.mark.parametrize("folder", ["absent", "model/model.json"])
def test_says_what_to_do_where_there_is_no_bundle(bundle_folder: Path, folder: str) -> None:
    """A folder that is missing, or is a file, gives a sentence that names the way out."""
    with pytest.raises(BundleMissing, match=r"the bundle folder has no model\.json"):
        load_bundle(bundle_folder.parent / folder)


@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_refuses_a_file_that_is_not_as_stated(bundle_folder: Path, harm: str) -> None:
    """One flipped bit, a missing end or a missing file is found, and the file is named."""
    path = bundle_folder / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    if harm == "flip":
        path.write_bytes(data)
    elif harm == "cut":
        path.write_bytes(data[:-1])
    else:
        path.unlink()
    with pytest.raises(BundleDamaged, match=r"model\.onnx"):
        load_bundle(bundle_folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("dims", 0),
        ("dims", "16"),
        ("input", {"size_px": 32, "mean": [0.5], "std": [1, 1, 1]}),
        ("crop", {}),
        ("files", {"../model.onnx": {"sha256": "", "bytes": 0}}),
        ("files", []),
    ],
)
def test_refuses_a_model_json_of_another_shape(bundle_folder: Path, key: str, value: Any) -> None:
    """Another format number, or a field that makes no sense, gives a typed error."""
    path = bundle_folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(BundleDamaged, match=r"its model\.json is not valid"):
        load_bundle(bundle_folder)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "\x00"])
def test_refuses_a_model_json_that_is_none(bundle_folder: Path, text: str) -> None:
    """Text that is no JSON object gives a typed error."""
    (bundle_folder / "model.json").write_text(text)
    with pytest.raises(BundleDamaged):
        load_bundle(bundle_folder)


@pytest.mark.parametrize("harm", ["age", "nan", "length", "dims", "sum", "negative", "ages", "view"])
def test_refuses_an_answer_that_makes_no_sense(bundle_folder: Path, harm: str) -> None:
    """A number that is none, an embedding or shares of another length, size or sum never reach an answer."""
    bundle = load_bundle(bundle_folder)
    given = {
        "age_years": np.full(3, 30, dtype=np.float32),
        "embedding": np.eye(3, 16, dtype=np.float32),
        "age_shares": np.full((3, 101), 1 / 101, dtype=np.float32),
        "view_ages_years": np.full((3, 2), 30, dtype=np.float32),
    }
    assert checked(bundle, given).age_shares is given["age_shares"]
    harms: dict[str, tuple[str, tuple[int, ...], float]] = {
        "age": ("age_years", (1,), np.inf),
        "nan": ("embedding", (1, 2), np.nan),
        "length": ("embedding", (1, 1), 1.01),
        "sum": ("age_shares", (1, 1), 0.5),
        "negative": ("age_shares", (1, 1), -0.0099),
        "view": ("view_ages_years", (1, 1), np.nan),
    }
    if harm in harms:
        name, place, value = harms[harm]
        given[name][place] = value
    else:
        name = "embedding" if harm == "dims" else "age_shares"
        given[name] = given[name][:, :-1]
    with pytest.raises(BundleDamaged):
        checked(bundle, given)


def test_takes_a_model_without_shares(bundle_folder: Path) -> None:
    """A graph that gives ages and embeddings alone is used as before."""
    found = checked(
        load_bundle(bundle_folder),
        {"age_years": np.full(2, 30, dtype=np.float32), "embedding": np.eye(2, 16, dtype=np.float32)},
    )
    assert found.age_shares is None
    assert found.view_ages_years is None
