"""`python -m trainer export`: a run becomes a bundle that the service loads."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from simsvc.errors import SettingsError
from trainer.datasets.corpus import Corpus, add_source_argument, open_corpus, parse_sources
from trainer.evaluation.measures.metrics import breakdown, decade
from trainer.export import bundle, half_precision
from trainer.export.projection import METHODS, MOST_DIMS, find
from trainer.export.served import layer_sizes, measured, packed_crops, scores, traits
from trainer.models.age_model import AgeModel
from trainer.models.denormals import flushing
from trainer.options import BUNDLE, run_folder
from trainer.training import age_prior
from trainer.training.ensembles.ensemble import Ensemble
from trainer.training.recipes import recipe as recipes
from trainer.training.runs import BEST, RUN_SHA256, load_any

LAYER = "head.flatten"
DIMS = 128
PRINCIPAL_FACES = 6000  # training faces that fix the projection: some fifty for each of its dimensions
PARITY_FACES = 64


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
    text = "offset the scores of ages so that no decade of the validation part is biased (default: valid)"
    parser.add_argument("--age-prior", choices=("valid", "none"), default="valid", help=text)
    parser.add_argument("--dims", type=int, default=DIMS, help=f"length of an embedding (default: {DIMS})")
    parser.add_argument("--out", type=Path, default=BUNDLE, help=f"folder (default: {BUNDLE})")


@flushing()
def run(args: argparse.Namespace) -> int:
    """Export, prove the bundle against torch, and write it."""
    folder = run_folder(args.run)
    recipe, model = load_any(folder)
    model = model.to(memory_format=torch.channels_last)  # depthwise convolutions are far faster so
    half_precision.round_weights(model)  # before anything is measured
    corpus = open_corpus(parse_sources(args.source))
    corrected = args.age_prior == "valid" and recipe.head == "distribution"
    prior = correct(model, recipe, corpus) if corrected else None
    train = np.random.default_rng(recipe.seed).permutation(corpus.positions("train"))[:PRINCIPAL_FACES]
    train.sort()
    _, activations = measured(model, recipe, corpus, train, args.layer)
    sizes = layer_sizes(model, recipe, args.layer)
    projection = find(args.transform, args.dims, activations, traits(corpus, train), sizes)
    if projection.matrix.shape[1] > MOST_DIMS:
        raise SettingsError(
            f"An embedding has at most {MOST_DIMS} numbers, not {projection.matrix.shape[1]}. Give --dims "
            "and a --transform that keeps to it, such as pca."
        )
    enlarged_px = recipe.final_px if recipe.view == 1.0 else None  # an ensemble resizes by itself
    graph = bundle.ServedGraph(model, args.layer, projection, recipe.flip_average, enlarged_px).eval()
    size_px = bundle.served_px(recipe.final_px, recipe.view)
    about = _about(recipe, model, corpus, folder, args.layer) | ({"age_prior": prior} if prior else {})
    crops = packed_crops(corpus, corpus.positions("valid")[:PARITY_FACES], size_px, recipe.view)
    age_gap, cosine = bundle.write_bundle(graph, size_px, about, args.out, crops)
    print(f"{args.out}: torch and ONNX differ by at most {age_gap:.5f} years, cosine at least {cosine:.7f}")
    return 0


def correct(model: AgeModel | Ensemble, recipe: recipes.Recipe, corpus: Corpus) -> dict[str, Any]:
    """Give the model the offsets of `trainer.training.age_prior`; return what model.json says of them."""
    positions = corpus.positions("valid")
    sources = np.array([corpus.data.rows[position].source for position in positions])
    weights = age_prior.source_weights(sources)
    told = age_prior.Told(scores(model, recipe, corpus, positions), corpus.ages_years[positions], weights)
    added = age_prior.offsets(told, recipe.point)
    model.offsets.copy_(torch.from_numpy(added))
    offsets = [
        {"age_years": age_years, "offset": round(float(added[age_years]), 3)}
        for age_years in range(0, len(added), age_prior.KNOT_YEARS)
    ]
    return {"split": "valid", "faces": len(positions), "offsets": offsets}


def _about(
    recipe: recipes.Recipe, model: AgeModel | Ensemble, corpus: Corpus, folder: Path, layer: str
) -> dict[str, Any]:
    valid = corpus.positions("valid")
    ages, _ = measured(model, recipe, corpus, valid, layer)
    labels = corpus.ages_years[valid]
    tables = breakdown((ages - labels).astype(np.float64), [[decade(a) for a in labels]])
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return {
        "name": recipe.name,
        "recipe": recipe.as_dict(),
        RUN_SHA256: hashlib.sha256((folder / BEST).read_bytes()).hexdigest(),
        "training": {
            "sources": sorted({row.source for row in corpus.data.rows}),
            "faces": result["faces"],
            "near_duplicate_pairs": len(corpus.data.pairs.first),
            "mean_age_years": round(float(corpus.ages_years[corpus.positions("train")].mean()), 2),
            "seconds": result["seconds"],
            "machine": result["machine"],
        },
        "metrics": {"split": "valid, packed crops", "tables": [table.as_dict() for table in tables]},
    }
