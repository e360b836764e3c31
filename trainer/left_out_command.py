"""`python -m trainer left-out`: train without some sources and judge just those, as photos from anywhere are.

Sources are left out in groups, which costs one training a group; a model that learnt without two of them
knows even less of each than one that learnt without it alone. What is written is read by `trainer calibrate`,
which makes ranges hold on photos of sources that a model does not know, and by `trainer card`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simsvc.errors import SettingsError
from trainer import recipe as recipes
from trainer.corpus import Corpus, add_source_argument, cores, open_corpus, parse_sources
from trainer.datasets.unlabelled import is_unlabelled
from trainer.evaluation_by_source import Judged, as_text, summary
from trainer.fit_command import train
from trainer.model import median
from trainer.runs import RUNS, load_any
from trainer.teachers import shares_of_model

WITHOUT = "-without-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--recipe", required=True, help="name under trainer/recipes/")
    add_source_argument(parser)
    parser.add_argument(
        "--leave",
        action="append",
        required=True,
        metavar="NAME[,NAME]",
        help="sources to leave out together; repeatable, one training each",
    )
    parser.add_argument(
        "--never",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="a labelled source that is never trained on, judged by the model of all sources; repeatable",
    )
    parser.add_argument("--out", type=Path, default=RUNS, help="where runs lie (default: work/runs)")
    parser.add_argument("--threads", type=int, default=cores(), help="CPU threads (default: all)")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="write the figures there")


def run(args: argparse.Namespace) -> int:
    """Train what is missing, judge, print the table and write it with every estimate."""
    if not args.json.parent.is_dir():
        raise SettingsError(f"There is no folder {args.json.parent} to write {args.json.name} into.")
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    recipe, sources = recipes.load(args.recipe), parse_sources(args.source)
    groups = [tuple(name.strip() for name in text.split(",")) for text in args.leave]
    unknown = sorted({name for group in groups for name in group} - set(sources))
    if unknown:
        raise SettingsError(f"--leave names no source: {', '.join(unknown)}.")
    judged = [one for group in groups for one in _left_out(recipe, group, sources, args)]
    if args.never:
        corpus = open_corpus(parse_sources(args.never))
        judged += _judged(args.out / recipe.name, corpus, sorted({row.source for row in corpus.data.rows}))
    parts = [summary(one) for one in judged]
    print(as_text(parts))
    content = {
        "recipe": recipe.name,
        "left_out_together": [list(group) for group in groups],
        "sources": [part | one.as_dict() for part, one in zip(parts, judged, strict=True)],
    }
    args.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


def _left_out(
    recipe: recipes.Recipe, group: tuple[str, ...], sources: dict[str, Path], args: argparse.Namespace
) -> list[Judged]:
    """Train the recipe, and what it joins, without a group of sources, and judge these."""
    suffix = WITHOUT + "+".join(name.partition(":")[2] or name for name in group)
    names = [*recipe.joined, recipe.name]
    corpus = None
    for name in names:
        if (args.out / (name + suffix) / "result.json").is_file():
            continue
        corpus = corpus or open_corpus({key: path for key, path in sources.items() if key not in group})
        each = recipes.load(name)
        given = argparse.Namespace(**{**vars(args), "recipe": name, "name": name + suffix})
        train(each, corpus, given, recipes.RECIPES)
    return _judged(
        args.out / (recipe.name + suffix),
        open_corpus({key: path for key, path in sources.items() if not is_unlabelled(key)}),
        list(group),
    )


def _judged(folder: Path, corpus: Corpus, names: list[str]) -> list[Judged]:
    recipe, model = load_any(folder)
    sources = np.array([row.source for row in corpus.data.rows])
    found = []
    for name in names:
        at: NDArray[np.int64] = np.flatnonzero((sources == name) & corpus.pack.readable)
        shares = shares_of_model(recipe, model, corpus.pack.crops, at)
        ages = median(torch.from_numpy(shares)).numpy().astype(np.float64)
        found.append(Judged(name, tuple(corpus.data.rows[i] for i in at.tolist()), ages))
    return found


def as_json(judged: list[Judged]) -> list[dict[str, Any]]:
    """Return the figures of each source."""
    return [summary(one) for one in judged]
