"""A bundle, the run it came from and everything measured of it: small files with made-up figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from simsvc.adapters.inference.bundle import load_bundle
from tests.tiny_bundle import fingerprint, make_tiny_bundle
from trainer.datasets.held_out import short

Documents = dict[str, dict[str, Any]]


def figure(value: float) -> dict[str, float]:
    """Return a figure with an interval of a tenth either way."""
    return {"value": value, "low": round(value - 0.1, 4), "high": round(value + 0.1, 4)}


def table(part: str, mae: float, bias: float = 0.5, coverage: float | None = 0.9) -> dict[str, Any]:
    """Return one part of an evaluation."""
    figures = {"mae": figure(mae), "rmse": figure(mae + 1), "cs5": figure(0.7), "bias": figure(bias)}
    return {"part": part, "faces": 150} | figures | ({"coverage": figure(coverage)} if coverage else {})


def tables(mae: float) -> list[dict[str, Any]]:
    """Return all faces, two decades, the oldest, two groups and two genders."""
    ages = [table("age 20-29", mae - 1, 1.2), table("age 80-89", 9, -5), table("age 80+", 9, -5)]
    groups = [table("group black", mae + 1), table("group white", mae - 1)]
    genders = [table("gender female", mae), table("gender male", mae + 0.1)]
    return [table("all", mae), *ages, *groups, *genders]


def comparison(*parts: str) -> dict[str, Any]:
    """Return two compared parts."""
    compared = [{"part": p, "faces": 150, "mae": figure(5), "standardised_mae": figure(4.6)} for p in parts]
    return {
        "parts": compared,
        "gap": figure(1.5),
        "standardised_gap": figure(1.2),
        "decades": ["age 20-29"],
        "decades_left_out": ["age 80-89"],
        "parts_left_out": [],
    }


def documents(version: str = "tiny-0", sha256: str | None = None) -> Documents:
    """Return every measured file of a model, by name."""
    of = {"model": version} | ({"model_sha256": sha256} if sha256 else {})
    test = of | {"source": "utkface", "split": "test", "tables": tables(4.5), "outcomes": {"estimated": 150}}
    fairness = {
        "groups": comparison("group black", "group white"),
        "genders": comparison("gender female", "gender male"),
    }
    parts = [("all", 0.9, 150), ("age 80-89", 0.5, 20), ("group black", 0.87, 150)]
    covered = [
        {
            "part": name,
            "coverage": share,
            "faces": faces,
            "mean_width_years": 19.7,
            "median_width_years": 19.0,
        }
        for name, share, faces in parts
    ]
    found = {"age_gap_years": 7.5, "gender": 0.93, "group": 0.7, "warning": 0.3}
    rows = [
        {"layer": "body:mean", "transform": transform, "dims": dims, "mae_years": mae, **found}
        for transform, dims, mae in (("pca", 64, 5.0), ("as served", 128, 4.9))
    ]
    traded = {"mae": figure(4), "coverage": figure(0.9)}
    return {
        "test": test | {"fairness": fairness},
        "before": {"model": "old-1", "source": "utkface", "split": "test", "tables": tables(5.5)},
        "portraits": of | {"source": "folder", "split": "all", "tables": [table("all", 3.8)], "outcomes": {}},
        "coverage": of | {"split": "test", "parts": covered},
        "framing": of | {"split": "test", "faces": 150} | FRAMING,
        "neighbours": of | {"split": "test", "rows": rows, "mae_years": 4.5, "queries": 150, "gallery": 900},
        "withheld": of
        | {
            "rule": "the worst first",
            "trade": {
                "test": [{"withheld": share, "answered": 9, **traded} for share in (0.0, 0.1)],
                "bands": [{"withheld": 0.0, "answered": 9, "within_or_close": figure(0.8)}],
            },
        },
        "fairface": of
        | {
            "close_years": 5.0,
            "parts": [
                {"part": "all", "photos": 270, "outcomes": {"no_face": 3, "estimated": 267}, "estimated": 267}
                | {"within": figure(0.6), "within_or_close": figure(0.85), "median_outside_years": None}
            ],
        },
        "data_audit": AUDIT,
        **of_sources(of),
    }


def of_sources(of: dict[str, Any]) -> Documents:
    """Return the measured files that go by source: two sources, two packages."""
    both = ("windows:fgnet", "portraits")
    part = {"faces": 12, "mae": figure(5), "bias": figure(1), "coverage": figure(0.8)}
    whole = {key: figure(5) for key in ("mae", "worst_1pc")} | {"bias": figure(-2.5), "coverage": figure(0.9)}
    whole |= {"constant": figure(10), "ratio": figure(0.5), "slope": figure(0.7)}
    rows = [
        {"source": short(name), "split": "all", "faces": 40, "learnt_from": False, "worst": 17.0, **whole}
        | {"decades": [{"part": "age 20-29", **part}], "genders": []}
        for name in both
    ]
    rows[1] |= {"women_over_men": figure(1.3), "genders": [{"part": "female", **part}]}
    peers = [
        {
            "peer": name,
            "answered": figure(0.9),
            "mae": figure(6),
            "ours": figure(5),
            "difference": figure(lead),
        }
        | {"crop_mae": figure(6), "crop_difference": figure(-1)}
        for name, lead in (("one", -1.0), ("two", 0.25))
    ]
    told = [
        {"peer": name, "package": f"{name} 1.0", "weights": "MIT", "learnt_from": "?"}
        for name in ("one", "two")
    ]
    beside = {"split": "all", "faces": 40, "constant": figure(10), "ours": figure(5), "peers": peers}
    left = {
        "faces": 40,
        "mae": 6.0,
        "bias": figure(-1),
        "constant": 10.0,
        "coverage": 0.87,
        "worst_1pc": 20.0,
    }
    errors = {"mae_years": 5.0, "bias_years": 2.0, "held": 0.7}
    drawn = {"draws": 2, "fitted": 100.0, "judged": 40.0, "least_gain_years": 0.1, "methods": {"none": 2}}
    with_own = {"gallery": 100, **drawn, "without": errors, "with": errors | {"mae_years": 4.0}}
    return {
        "sources": of | {"split": "held-out", "sources": rows, "mean": {"sources": 2, **whole}},
        "peers": of
        | {"split": "held-out", "peers": told, "missing": [], "mean": peers}
        | {"sources": [{"source": short(name), **beside} for name in both]},
        "left_out": {"sources": [{"source": short(name), **left} for name in both]},
        "site_calibration": of | {"rows": [{"source": "windows:fgnet", **with_own}]},
    }


FRAMING: dict[str, Any] = {
    "worst_cost_years": 0.3,
    "changes": [
        {"change": "as detected", "mae": 4.5, "cost": 0.0, "moved": 0.0},
        {"change": "10% up", "mae": 4.8, "cost": 0.3, "moved": 1.0},
    ],
}
AUDIT: dict[str, Any] = {
    "photos": 1500,
    "by_source": {"utkface": 1500},
    "by_decade": {"20-29": 1000, "80-89": 500},
    "by_gender": {"male": 800, "female": 700},
    "by_group": {"white": 900, "black": 600},
    "split_by_decade": {
        "train": {"20-29": 800, "80-89": 400},
        "valid": {"20-29": 100, "80-89": 50},
        "test": {"20-29": 100, "80-89": 50},
    },
    "near_duplicates": {
        "pairs": 965,
        "photos": 1700,
        "mean_difference_years": 3.8,
        "far_apart_share": 0.25,
        "worst": [{"first": "utkface/secret.jpg", "second": "utkface/other.jpg"}],
    },
}


def write(folder: Path, files: Documents) -> Path:
    """Write measured files and return their folder."""
    folder.mkdir(exist_ok=True)
    for name, document in files.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return folder


def make_site(folder: Path) -> tuple[Path, Path, Path]:
    """Write a bundle, its measured files and its run; return their folders."""
    bundle = make_tiny_bundle(folder / "bundle")
    run = folder / "run"
    run.mkdir()
    weights = {"head.weight": np.arange(6, dtype=np.float32), "head.bias": np.ones(2, np.float32)}
    save_file(weights, run / "best.safetensors")
    state_origin(bundle, run)
    history = [
        {"epoch": at, "train_loss": 3 - at, "valid_loss": 2.5 - at, "valid_mae": 5.0, "valid_rmse": 7.0}
        for at in range(2)
    ]
    recipe = {"name": "tiny", "body": "dlib_resnet", "weights": "pretrained", "teacher": "a/b/net.onnx"}
    result = {"recipe": recipe, "valid_mae": 4.4, "valid_rmse": 6.2, "best_epoch": 1, "seconds": 120.0}
    result |= {"faces": {"train": 1200, "valid": 150, "test": 150}, "sources": ["utkface"], "machine": "M"}
    (run / "history.json").write_text(json.dumps(history))
    (run / "result.json").write_text(json.dumps(result))
    (run / "recipe.toml").write_text('body = "dlib_resnet"\nteacher = "a/b/net.onnx"\nlr = [0.1, 0.2]\n')
    measured = documents(sha256=load_bundle(bundle).sha256)
    return bundle, write(folder / "measured", measured), run


def state_origin(bundle: Path, run: Path) -> None:
    """Let model.json state the run that the model came from, and its data."""
    path = bundle / "model.json"
    document = json.loads(path.read_text())
    document["run_sha256"] = fingerprint(run / "best.safetensors")["sha256"]
    document["training"] = {"sources": ["utkface"]}
    path.write_text(json.dumps(document))
