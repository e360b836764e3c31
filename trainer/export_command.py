"""`python -m trainer export`: a run becomes a bundle that the service loads."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from tqdm import tqdm

from simsvc.errors import SettingsError
from simsvc.values import Crop
from trainer import augment, bodies, export
from trainer import recipe as recipes
from trainer.corpus import Corpus, add_source_argument, open_corpus, parse_sources
from trainer.fit_command import RUNS
from trainer.metrics import breakdown, decade
from trainer.model import AgeModel, extract
from trainer.pack import CROP_PX
from trainer.projection import METHODS, MOST_DIMS, Traits, find

BUNDLE = Path("simsvc/bundle/model")
LAYER = "head.flatten"
DIMS = 128
PRINCIPAL_FACES = 6000
"""Training faces that fix the projection: some fifty for each of its dimensions."""
PARITY_FACES = 64
_BATCH = 128


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--run", required=True, help="name of a run, or its folder")
    add_source_argument(parser)
    parser.add_argument(
        "--layer", default=LAYER, help=f"whose activations are embedded; A+B joins (default: {LAYER})"
    )
    parser.add_argument(
        "--transform", choices=METHODS, default="pca", help="how activations become embeddings (default: pca)"
    )
    parser.add_argument("--dims", type=int, default=DIMS, help=f"length of an embedding (default: {DIMS})")
    parser.add_argument("--out", type=Path, default=BUNDLE, help=f"folder (default: {BUNDLE})")


def run(args: argparse.Namespace) -> int:
    """Export, prove the bundle against torch, and write it."""
    folder = Path(args.run) if Path(args.run).is_dir() else RUNS / args.run
    recipe, model = load_run(folder)
    corpus = open_corpus(parse_sources(args.source))
    train = np.random.default_rng(recipe.seed).permutation(corpus.positions("train"))[:PRINCIPAL_FACES]
    _, activations = measured(model, recipe, corpus, np.sort(train), args.layer)
    sizes = layer_sizes(model, recipe, args.layer)
    projection = find(args.transform, args.dims, activations, traits(corpus, np.sort(train)), sizes)
    if projection.matrix.shape[1] > MOST_DIMS:
        raise SettingsError(
            f"An embedding has at most {MOST_DIMS} numbers, not {projection.matrix.shape[1]}. Give --dims "
            "and a --transform that keeps to it, such as pca."
        )
    graph = export.ServedGraph(model, args.layer, projection, recipe.flip_average).eval()
    valid = corpus.positions("valid")
    about = _about(recipe, model, corpus, folder, args.layer)
    age_gap, cosine = export.write_bundle(
        graph, recipe.final_px, about, args.out, _crops(corpus, valid[:PARITY_FACES], recipe.final_px)
    )
    print(f"{args.out}: torch and ONNX differ by at most {age_gap:.5f} years, cosine at least {cosine:.7f}")
    return 0


def load_run(folder: Path) -> tuple[recipes.Recipe, AgeModel]:
    """Return the recipe and the best weights of a finished run, in evaluation mode.

    Raises:
        SettingsError: the folder holds no run, or one that is not finished.
    """
    if not all((folder / name).is_file() for name in ("recipe.toml", "best.safetensors", "result.json")):
        raise SettingsError(
            f"{folder} holds no finished run; train one with `python -m trainer fit --recipe NAME`, or "
            "call it again for one that was stopped."
        )
    recipe = recipes.parse(folder.name, (folder / "recipe.toml").read_text(encoding="utf-8"))
    model = AgeModel(recipe.architecture)
    model.load_state_dict(load_file(folder / "best.safetensors"))
    return recipe, model.eval()


def measured(
    model: AgeModel, recipe: recipes.Recipe, corpus: Corpus, positions: NDArray[np.int64], layer: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ages (N,) and a layer's activations (N, F) of packed crops, mirrored too if it must."""
    spec = bodies.BODIES[recipe.body]
    ages, activations = [], []
    with torch.no_grad():
        for start in tqdm(range(0, len(positions), _BATCH), desc="embed", unit="batch"):
            squares = corpus.pack.crops[positions[start : start + _BATCH]]
            crops = augment.batch(squares, recipe.final_px, spec.mean, spec.std)
            age, activation = extract(
                model, layer, export.with_mirror(crops) if recipe.flip_average else crops
            )
            views = 2 if recipe.flip_average else 1
            ages.append(age.reshape(views, -1).mean(dim=0).numpy())
            activations.append(activation.reshape(views, -1, activation.shape[1]).mean(dim=0).numpy())
    return np.concatenate(ages), np.concatenate(activations)


def layer_sizes(model: AgeModel, recipe: recipes.Recipe, layer: str) -> list[int]:
    """Return how many activations each of the layers joined by "+" has."""
    blank = torch.zeros(1, 3, recipe.final_px, recipe.final_px)
    with torch.no_grad():
        return [extract(model, name, blank)[1].shape[1] for name in layer.split("+")]


def traits(corpus: Corpus, positions: NDArray[np.int64]) -> Traits:
    """Return what is known of the faces at these positions."""
    rows = [corpus.data.rows[position] for position in positions]
    return Traits(
        corpus.ages_years[positions],
        np.array([row.gender or "" for row in rows]),
        np.array([row.group or "" for row in rows]),
    )


def _crops(corpus: Corpus, positions: NDArray[np.int64], size_px: int) -> list[Crop]:
    crops = []
    for position in positions:
        square = corpus.pack.crops[position]
        edge = (square.shape[0] - CROP_PX) // 2
        inner = Image.fromarray(square[edge : edge + CROP_PX, edge : edge + CROP_PX])
        crops.append(Crop(np.asarray(inner.resize((size_px, size_px), Image.Resampling.BILINEAR))))
    return crops


def _about(
    recipe: recipes.Recipe, model: AgeModel, corpus: Corpus, folder: Path, layer: str
) -> dict[str, Any]:
    valid = corpus.positions("valid")
    ages, _ = measured(model, recipe, corpus, valid, layer)
    labels = corpus.ages_years[valid]
    tables = breakdown((ages - labels).astype(np.float64), [[decade(a) for a in labels]])
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    sources = sorted({row.source for row in corpus.data.rows})
    return {
        "name": recipe.name,
        "recipe": recipe.as_dict(),
        "training": {
            "sources": sources,
            "faces": result["faces"],
            "near_duplicate_pairs": len(corpus.data.pairs.first),
            "mean_age_years": round(float(corpus.ages_years[corpus.positions("train")].mean()), 2),
            "seconds": result["seconds"],
            "machine": result["machine"],
        },
        "metrics": {"split": "valid, packed crops", "tables": [table.as_dict() for table in tables]},
    }
