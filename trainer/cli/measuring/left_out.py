"""`python -m trainer left-out`: train without some sources and evaluate on those.

Sources are left out in groups, which costs one training a group; a model that learnt without two of them
knows even less of each than one that learnt without it alone. What is written is read by `trainer calibrate`,
which makes ranges hold on photos of sources that a model does not know, and by `trainer card`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simsvc.domain.estimate.doubt import MEASURES
from simsvc.errors import SettingsError
from trainer.datasets.corpus import Corpus, add_source_argument, cores, open_corpus, parse_sources
from trainer.datasets.held_out import short
from trainer.evaluation.by_source import Judged, averaged, judged, source_document
from trainer.models.denormals import flushing
from trainer.options import check_writable, write_json
from trainer.training.distillation import answers_of_model
from trainer.training.recipes import recipe as recipes
from trainer.training.runs import RUNS, load_any
from trainer.training.train import train

WITHOUT = "-without-"
LeftOut = tuple[str, Judged, dict[str, list[float]]]
"""A source, its faces and estimates, and what the doubt score is made of, by `doubt.MEASURES`."""
_SHOWN = ("mae", "constant", "ratio", "bias", "worst_1pc", "slope")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--recipe", required=True, help="name under trainer/recipes/")
    add_source_argument(parser)
    text = "sources to leave out together; repeatable, one training each"
    parser.add_argument("--leave", action="append", required=True, metavar="NAME[,NAME]", help=text)
    text = "a labelled source that is never trained on, judged by the model of all sources; repeatable"
    parser.add_argument("--never", action="append", default=[], metavar="NAME=PATH", help=text)
    parser.add_argument("--out", type=Path, default=RUNS, help="where runs lie (default: work/runs)")
    parser.add_argument("--threads", type=int, default=cores(), help="CPU threads (default: all)")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="write the figures there")


def run(args: argparse.Namespace) -> int:
    """Train what is missing, judge, print the table and write it with every estimate."""
    check_writable(args.json)
    torch.set_num_threads(args.threads)
    recipe, sources = recipes.load(args.recipe), parse_sources(args.source)
    groups = [tuple(name.strip() for name in text.split(",")) for text in args.leave]
    unknown = sorted({name for group in groups for name in group} - set(sources))
    if unknown:
        raise SettingsError(f"--leave names no source: {', '.join(unknown)}.")
    with flushing():
        found = [one for group in groups for one in _left_out(recipe, group, sources, args)]
        if args.never:
            corpus = open_corpus(parse_sources(args.never))
            names = sorted({row.source for row in corpus.data.rows})
            found += _judged(args.out / recipe.name, corpus, names)
    told = [source_document(short(name), "all", faces) for name, faces, _ in found]
    listed = ("ages_years", "estimates_years")
    document = {
        "recipe": recipe.name,
        "left_out_together": [[short(name) for name in group] for group in groups],
        "sources": [
            part
            | {name: [round(float(years), 3) for years in getattr(faces, name)] for name in listed}
            | {"measures": measures}
            for (part, _), (_, faces, measures) in zip(told, found, strict=True)
        ],
        "mean": averaged([resamples for _, resamples in told]),
    }
    print(as_text(document))
    write_json(args.json, document)
    return 0


def as_text(document: Mapping[str, Any]) -> str:
    """Return an aligned table for people, with the mean over sources below it."""
    columns = f"{'MAE':>8}{'constant':>10}{'ratio':>7}{'bias':>8}{'worst 1%':>10}{'slope':>7}"
    lines = [f"{'':16}{'faces':>6}{columns}"]
    for row in (*document["sources"], {"source": "mean", **document["mean"]}):
        cells = {key: row[key]["value"] if key in row else math.nan for key in _SHOWN}
        lines.append(
            f"{row['source']:16}{row.get('faces', ''):>6}{cells['mae']:>8.2f}{cells['constant']:>10.2f}"
            f"{cells['ratio']:>7.2f}{cells['bias']:>+8.2f}{cells['worst_1pc']:>10.1f}{cells['slope']:>7.2f}"
        )
    return "\n".join(lines)


def _left_out(
    recipe: recipes.Recipe, group: tuple[str, ...], sources: dict[str, Path], args: argparse.Namespace
) -> list[LeftOut]:
    suffix = WITHOUT + "+".join(short(name) for name in group)
    corpus = None
    for name in (*recipe.joined, recipe.name):
        if name in recipes.PUBLISHED or (args.out / (name + suffix) / "result.json").is_file():
            continue
        corpus = corpus or open_corpus({key: path for key, path in sources.items() if key not in group})
        given = argparse.Namespace(**{**vars(args), "recipe": name, "name": name + suffix})
        train(recipes.load(name), corpus, given, recipes.RECIPES)
    left = open_corpus({name: sources[name] for name in group})
    return _judged(args.out / (recipe.name + suffix), left, list(group))


def _judged(folder: Path, corpus: Corpus, names: list[str]) -> list[LeftOut]:
    recipe, model = load_any(folder)
    sources, found = np.array([row.source for row in corpus.data.rows]), []
    for name in names:
        at: NDArray[np.int64] = np.flatnonzero((sources == name) & corpus.pack.readable)
        answers = answers_of_model(recipe, model, corpus.pack.crops, at)
        ages = np.array([answer.age_years for answer in answers])
        measures = {
            key: [round(measure(answer), 4) for answer in answers] for key, measure in MEASURES.items()
        }
        found.append((name, judged([corpus.data.rows[i] for i in at.tolist()], ages), measures))
    return found
