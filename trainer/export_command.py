"""`python -m trainer export`: a run becomes a bundle that the service loads."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from simsvc.errors import SettingsError
from simsvc.values import Crop
from trainer import age_prior, augment, bodies, export
from trainer import recipe as recipes
from trainer.corpus import Corpus, add_source_argument, open_corpus, parse_sources
from trainer.denormals import flushing
from trainer.ensemble import Ensemble
from trainer.metrics import breakdown, decade
from trainer.model import AgeModel, extract
from trainer.pack import CROP_PX
from trainer.projection import METHODS, MOST_DIMS, Traits, find
from trainer.runs import BEST, RUN_SHA256, RUNS, load_any

BUNDLE = Path("simsvc/bundle/model")
LAYER = "head.flatten"
LAST = "linear_2"
"""Of the distribution head's layers, the one that gives the scores."""
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
    parser.add_argument(
        "--age-prior",
        choices=("valid", "none"),
        default="valid",
        help="offset the scores of ages so that no decade of the validation part is biased; an ensemble is "
        "never offset, for the largest of its sources would decide alone (default: valid)",
    )
    parser.add_argument("--dims", type=int, default=DIMS, help=f"length of an embedding (default: {DIMS})")
    parser.add_argument("--out", type=Path, default=BUNDLE, help=f"folder (default: {BUNDLE})")


def run(args: argparse.Namespace) -> int:
    """Export, prove the bundle against torch, and write it."""
    with flushing():
        return _export(args)


def _export(args: argparse.Namespace) -> int:
    folder = Path(args.run) if Path(args.run).is_dir() else RUNS / args.run
    recipe, model = load_any(folder)
    model = model.to(memory_format=torch.channels_last)  # depthwise convolutions are far faster so
    corpus = open_corpus(parse_sources(args.source))
    corrected = args.age_prior == "valid" and recipe.head == "distribution" and not recipe.parts
    prior = correct(model, recipe, corpus) if corrected else None
    train = np.random.default_rng(recipe.seed).permutation(corpus.positions("train"))[:PRINCIPAL_FACES]
    _, activations = measured(model, recipe, corpus, np.sort(train), args.layer)
    sizes = layer_sizes(model, recipe, args.layer)
    projection = find(args.transform, args.dims, activations, traits(corpus, np.sort(train)), sizes)
    if projection.matrix.shape[1] > MOST_DIMS:
        raise SettingsError(
            f"An embedding has at most {MOST_DIMS} numbers, not {projection.matrix.shape[1]}. Give --dims "
            "and a --transform that keeps to it, such as pca."
        )
    enlarged_px = recipe.final_px if recipe.view == 1.0 else None  # an ensemble resizes by itself
    graph = export.ServedGraph(model, args.layer, projection, recipe.flip_average, enlarged_px).eval()
    size_px = export.served_px(recipe.final_px, recipe.view)
    valid = corpus.positions("valid")
    about = _about(recipe, model, corpus, folder, args.layer)
    about |= {"age_prior": prior} if prior else {}
    age_gap, cosine = export.write_bundle(
        graph, size_px, about, args.out, packed_crops(corpus, valid[:PARITY_FACES], size_px, recipe.view)
    )
    print(f"{args.out}: torch and ONNX differ by at most {age_gap:.5f} years, cosine at least {cosine:.7f}")
    return 0


def correct(model: AgeModel | Ensemble, recipe: recipes.Recipe, corpus: Corpus) -> dict[str, Any]:
    """Give the model the offsets of `trainer.age_prior`; return what model.json says of them."""
    positions = corpus.positions("valid")
    _, scores = _passed(model, recipe, corpus, positions, f"head.{LAST}")
    told = age_prior.Told(scores, corpus.ages_years[positions])
    added = age_prior.offsets(told, recipe.point)
    model.offsets.copy_(torch.from_numpy(added))
    knots = added[:: age_prior.KNOT_YEARS]
    return {
        "split": "valid",
        "faces": len(positions),
        "offsets": [
            {"age_years": age_prior.KNOT_YEARS * at, "offset": round(float(value), 3)}
            for at, value in enumerate(knots)
        ],
    }


def measured(
    model: AgeModel | Ensemble,
    recipe: recipes.Recipe,
    corpus: Corpus,
    positions: NDArray[np.int64],
    layer: str,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ages (N,) and a layer's activations (N, F) of packed crops, mirrored too if it must."""
    ages, activations = _passed(model, recipe, corpus, positions, layer)
    return ages.mean(axis=0), activations.mean(axis=0)


def _passed(
    model: AgeModel | Ensemble,
    recipe: recipes.Recipe,
    corpus: Corpus,
    positions: NDArray[np.int64],
    layer: str,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ages (V, N) and activations (V, N, F) of V views: the crop, and its mirror where averaged."""
    spec, views = bodies.BODIES[recipe.body], 2 if recipe.flip_average else 1
    ages, activations = [], []
    with torch.no_grad():
        for start in tqdm(range(0, len(positions), _BATCH), desc="embed", unit="batch"):
            squares = corpus.pack.crops[positions[start : start + _BATCH]]
            crops = augment.batch(squares, recipe.final_px, spec.mean, spec.std, view=recipe.view)
            age, activation = extract(model, layer, export.with_mirror(crops) if views == 2 else crops)
            ages.append(age.reshape(views, -1).numpy())
            activations.append(activation.reshape(views, -1, activation.shape[1]).numpy())
    return np.concatenate(ages, axis=1), np.concatenate(activations, axis=1)


def layer_sizes(model: AgeModel | Ensemble, recipe: recipes.Recipe, layer: str) -> list[int]:
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


def packed_crops(corpus: Corpus, positions: NDArray[np.int64], size_px: int, view: float = 1.0) -> list[Crop]:
    """Return the packed crops at these positions, of side `size_px`, as wide as the view."""
    side_px = round(CROP_PX * view)
    crops = []
    for position in positions:
        square = corpus.pack.crops[position]
        edge = (square.shape[0] - side_px) // 2
        inner = Image.fromarray(square[edge : edge + side_px, edge : edge + side_px])
        crops.append(Crop(np.asarray(inner.resize((size_px, size_px), Image.Resampling.BILINEAR))))
    return crops


def _about(
    recipe: recipes.Recipe, model: AgeModel | Ensemble, corpus: Corpus, folder: Path, layer: str
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
        RUN_SHA256: hashlib.sha256((folder / BEST).read_bytes()).hexdigest(),
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
