"""`python -m trainer fit`: one recipe, one run."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from trainer.datasets.corpus import add_source_argument, cores, open_corpus, parse_sources
from trainer.models.denormals import flushing
from trainer.training.recipes import recipe as recipes
from trainer.training.runs import RUNS
from trainer.training.train import train, with_teachers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--recipe", required=True, help="name under trainer/recipes/, or a TOML file")
    add_source_argument(parser)
    parser.add_argument(
        "--name", help="of the run, where it is not the recipe's, such as one without a source"
    )
    parser.add_argument("--out", type=Path, default=RUNS, help="where runs lie (default: work/runs)")
    parser.add_argument("--threads", type=int, default=cores(), help="CPU threads (default: all)")


def run(args: argparse.Namespace) -> int:
    """Train, or resume, and write `result.json`."""
    recipe = recipes.load(args.recipe)  # before any work: a wrong key stops here
    beside = Path(args.recipe).parent if args.recipe.endswith(".toml") else recipes.RECIPES
    order = with_teachers(recipe, beside, args.out)
    torch.set_num_threads(args.threads)
    corpus = open_corpus(parse_sources(args.source))
    with flushing():
        for each in order:
            train(each, corpus, args, beside)
    return 0
