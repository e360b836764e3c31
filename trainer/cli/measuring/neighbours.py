"""`python -m trainer neighbours`: which layer and which transform find the faces that explain an estimate."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.photo.crop import CROP_MARGIN
from simsvc.errors import SettingsError, SourceEmpty
from simsvc.values import Crop, FloatVector
from trainer.datasets.corpus import Corpus, add_source_argument, cores, open_corpus, parse_sources
from trainer.evaluation import neighbours
from trainer.evaluation.neighbours import SERVED, Traits
from trainer.export.projection import METHODS, MOST_DIMS, find
from trainer.export.served import layer_sizes, measured, packed_crops, traits
from trainer.model_card.run import check_exported
from trainer.models.age_model import AgeModel
from trainer.options import check_writable, run_folder, write_json
from trainer.training.ensembles.ensemble import Ensemble
from trainer.training.recipes.recipe import Recipe
from trainer.training.runs import load_any

LAYERS = ("body:mean", "head.flatten", "head.relu_1", "head.flatten+head.relu_1")
SIXTEEN = ("head.relu_2", "head.flatten+head.relu_2")  # only the regression head has the layer of 16
TRANSFORMS = (
    *("none", "centred", "pca:64", "pca:128", "pca:256"),
    *("white:64", "white:128", "lda:64", "ridge:64"),
)
_BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Faces and what the run makes of them."""

    activations: dict[str, NDArray[np.float32]]  # (N, F) by layer, and a bundle's own embeddings as `SERVED`
    traits: Traits
    groups: NDArray[np.int64]  # (N,), of near-duplicates and one person
    errors_years: NDArray[np.float64]  # (N,), estimate minus label

    def of(self, layer: str) -> tuple[NDArray[np.float32], list[int]]:
        """Return the activations of layers joined by "+", side by side, and how many each has."""
        parts = [self.activations[name] for name in layer.split("+")]
        return np.concatenate(parts, axis=1), [part.shape[1] for part in parts]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--run", required=True, help="name of a run, or its folder")
    add_source_argument(parser)
    text = "queries: choose by valid (default), report test"
    parser.add_argument("--split", choices=("valid", "test"), default="valid", help=text)
    text = "repeatable; A+B joins (default: a table of candidates)"
    parser.add_argument("--layer", action="append", help=text)
    text = "repeatable, such as pca:128"
    parser.add_argument("--transform", action="append", metavar="METHOD[:DIMS]", help=text)
    parser.add_argument(
        "--limit", type=int, nargs=2, metavar=("GALLERY", "QUERIES"), help="at most so many, drawn at random"
    )
    text = "the bundle exported from the run: adds a row of its own embedding, and its name to the JSON"
    parser.add_argument("--bundle", type=Path, help=text)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--threads", type=int, default=cores(), help="CPU threads (default: all)")


def run(args: argparse.Namespace) -> int:
    """Measure every layer with every transform, print and write."""
    check_writable(args.json)
    folder = run_folder(args.run)
    methods = [_method(text) for text in args.transform or TRANSFORMS]
    recipe, model = load_any(folder)
    torch.set_num_threads(args.threads)
    layers = args.layer or candidates(recipe)
    bundle = load_bundle(args.bundle) if args.bundle else None
    if bundle:
        check_exported(bundle, folder)
    served = OnnxModel(bundle, args.threads, precision="fp32") if bundle else None
    names = sorted({name for layer in layers for name in layer.split("+")})
    sizes = {name: layer_sizes(model, recipe, name)[0] for name in names}  # an unknown layer stops here
    corpus = open_corpus(parse_sources(args.source))
    limits = args.limit or (len(corpus.data.rows), len(corpus.data.rows))
    gallery = _sample(model, recipe, corpus, ("train", limits[0]), sizes, served)
    queries = _sample(model, recipe, corpus, (args.split, limits[1]), sizes, served)
    rows = [_row(layer, method, gallery, queries) for layer in layers for method in methods]
    if bundle:
        row = _row(SERVED, ("none", bundle.dims), gallery, queries)
        rows.append(row | {"layer": str(bundle.raw["layer"]), "transform": SERVED})
    mae = float(np.abs(queries.errors_years).mean())
    shape = f"{len(queries.groups)} {args.split} faces against {len(gallery.groups)} of train"
    print(f"{recipe.name}: {shape}; the model's own MAE {mae:.2f} years\n{as_text(rows)}")
    document: dict[str, Any] = {"model": bundle.version, "model_sha256": bundle.sha256} if bundle else {}
    document |= {"run": recipe.name, "split": args.split, "queries": len(queries.groups)}
    document |= {"gallery": len(gallery.groups), "mae_years": round(mae, 4), "rows": rows}
    write_json(args.json, document)
    return 0


def candidates(recipe: Recipe) -> list[str]:
    """Return the layers that are compared: of an ensemble those of each member, then of all joined."""
    if not recipe.parts:
        return [*LAYERS, *(SIXTEEN if recipe.head == "regression" else ())]
    heads = [f"members.{number}.head" for number in range(len(recipe.joined))]
    own = [f"{head}.flatten+{head}.relu_1" for head in heads]
    return [*own, "+".join(own)]


def _method(text: str) -> tuple[str, int]:
    method, _, dims = text.partition(":")
    if method not in METHODS:
        raise SettingsError(f"There is no transform {method!r}; choose one of {', '.join(METHODS)}.")
    if dims and not (dims.isdecimal() and 0 < int(dims) <= MOST_DIMS):
        raise SettingsError(f"--transform {text!r}: the length lies in 1 to {MOST_DIMS}, as in pca:128.")
    return method, int(dims or MOST_DIMS)


def _sample(
    model: AgeModel | Ensemble,
    recipe: Recipe,
    corpus: Corpus,
    drawn: tuple[str, int],
    sizes: dict[str, int],
    served: OnnxModel | None,
) -> Sample:
    split, limit = drawn
    positions = np.random.default_rng(0).permutation(corpus.positions(split))[: max(0, limit)]
    least = neighbours.TOP + 1 if split == "train" else 1
    if len(positions) < least:
        raise SourceEmpty(f"The {split} part has {len(positions)} faces; neighbours need at least {least}.")
    positions.sort()
    ages_years, activations = measured(model, recipe, corpus, positions, "+".join(sizes))
    known = traits(corpus, positions)
    ends = np.cumsum(list(sizes.values()))[:-1]
    by_layer = dict(zip(sizes, np.split(activations, ends, axis=1), strict=True))
    if served:
        crops = packed_crops(corpus, positions, served.input_px, served.crop_margin / CROP_MARGIN)
        ages_years, by_layer[SERVED] = _served(served, crops)
    errors = ages_years.astype(np.float64) - known.ages_years
    return Sample(by_layer, known, corpus.data.groups[positions], errors)


def _served(model: OnnxModel, crops: list[Crop]) -> tuple[FloatVector, FloatVector]:
    """Return ages in years (N,) and embeddings (N, D) as the bundle's own graph gives them."""
    found = [model.predict(crops[start : start + _BATCH]) for start in range(0, len(crops), _BATCH)]
    return np.concatenate([f.ages_years for f in found]), np.concatenate([f.embeddings for f in found])


def _row(layer: str, method: tuple[str, int], gallery: Sample, queries: Sample) -> dict[str, Any]:
    train, parts = gallery.of(layer)
    found = find(*method, train, gallery.traits, parts)
    asked = found.apply(queries.of(layer)[0])
    nearest = neighbours.nearest(asked, found.apply(train), queries.groups, gallery.groups)
    figures = neighbours.judged(nearest, queries.traits, gallery.traits, queries.errors_years)
    return {"layer": layer, "transform": method[0], "dims": found.matrix.shape[1], **figures.as_dict()}


def as_text(rows: list[dict[str, Any]]) -> str:
    """Return an aligned table for people."""
    figures = f"{'age gap':>10}{'MAE':>7}{'gender':>8}{'group':>8}{'warns':>7}"
    lines = [f"{'layer':32}{'transform':10}{'D':>5}{figures}"]
    for row in rows:
        shares = ["-" if row[k] is None else f"{row[k]:.2f}" for k in ("gender", "group", "warning")]
        lines.append(
            f"{row['layer']:32}{row['transform']:10}{row['dims']:>5}{row['age_gap_years']:>10.2f}"
            f"{row['mae_years']:>7.2f}{shares[0]:>8}{shares[1]:>8}{shares[2]:>7}"
        )
    return "\n".join(lines)
