"""Join finished runs to an ensemble, with weights that suit the validation faces of all sources alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simsvc.errors import SettingsError
from trainer.datasets.corpus import Corpus
from trainer.training import mixed
from trainer.training.distillation import pooled_of_model, shares_of
from trainer.training.ensembles import ensemble, likeness
from trainer.training.recipes.recipe import PUBLISHED, Recipe
from trainer.training.runs import HISTORY, LIKE_BIAS, LIKE_WEIGHT, keep_run, load_run

LIKE_FACES = 1000  # Training faces of a source, at most, that tell what its photos look like


def join(recipe: Recipe, corpus: Corpus, runs: Path, folder: Path, parts: tuple[str, ...]) -> dict[str, Any]:
    """Choose the weights, leave what a run leaves in the folder, and return what was measured.

    Its `history.json` is that of the part with the most epochs. `parts` are runs, in the recipe's order.
    Where the recipe has `own_weights`, the first row of weights is chosen without that source, the second on
    it alone, and `valid_mae` is the mean of both errors.

    Raises:
        SettingsError: a part was not trained, or there is no source of `own_weights` or none beside it.
    """
    sources = np.array([row.source for row in corpus.data.rows])
    rows, errors_years = zip(*_chosen(recipe, corpus, runs, parts, sources), strict=True)
    kept = {"weights": torch.tensor(rows)}
    if recipe.own_weights:
        layer = likeness.fitted(*_looks(recipe, corpus, runs / parts[0], sources)).layer()
        kept |= {LIKE_WEIGHT: layer.weight.detach(), LIKE_BIAS: layer.bias.detach()}
    for number, name in enumerate(parts):
        _, model = load_run(runs / name)
        kept |= {f"{number}.{key}": value for key, value in model.state_dict().items()}
    histories = [runs / name / HISTORY for name in parts if (runs / name / HISTORY).is_file()]
    texts = [path.read_text(encoding="utf-8") for path in histories]
    longest = max(texts, key=lambda text: len(json.loads(text)), default="[]")
    keep_run(folder, recipe, kept, longest)
    written = [runs / name / "result.json" for name in parts if name not in PUBLISHED]
    seconds = round(sum(json.loads(path.read_text(encoding="utf-8"))["seconds"] for path in written), 1)
    return {
        "parts": list(parts),
        "weights": [list(weights) for weights in rows],
        "valid_mae": float(np.mean(errors_years)),
        "seconds": seconds,
    }


def _chosen(
    recipe: Recipe, corpus: Corpus, runs: Path, parts: tuple[str, ...], sources: NDArray[np.str_]
) -> list[tuple[tuple[float, ...], float]]:
    """Return the parts' weights and their validation error in years, of all photos or of each kind."""
    valid = corpus.positions("valid")
    own = np.array([name.partition(":")[0] == recipe.own_weights for name in sources[valid].tolist()], bool)
    if recipe.own_weights and (own.all() or not own.any()):
        raise SettingsError(
            f"own_weights names {recipe.own_weights}: there must be such a source, and another one beside it."
        )
    kinds = [mixed.few(valid[~own], sources, recipe.seed)] + ([valid[own]] if recipe.own_weights else [])
    found = []
    for positions in kinds:
        told = [shares_of(runs / name, corpus.pack.crops, positions, mirrored=False) for name in parts]
        ages, names = corpus.ages_years[positions], sources[positions]
        weights, errors = ensemble.best_weights(np.stack(told), ages, names)
        print(report(recipe.name, parts, weights, errors))
        found.append((weights, errors[weights]))
    return found


def _looks(
    recipe: Recipe, corpus: Corpus, part: Path, sources: NDArray[np.str_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a part's pooled features, float32 (N, F), of training faces, and which are of `own_weights`."""
    part_recipe, model = load_run(part)
    found: list[NDArray[np.float32]] = []
    mine: list[NDArray[np.bool_]] = []
    packs = [(corpus.pack, corpus.positions("train"), sources)]
    if corpus.unlabelled:
        names = np.array([row.source for row in corpus.unlabelled.rows])
        packs.append((corpus.unlabelled, np.flatnonzero(corpus.unlabelled.readable), names))
    for pack, positions, names in packs:
        some = mixed.few(positions, names, recipe.seed, LIKE_FACES)
        found.append(pooled_of_model(part_recipe, model, pack.crops, some))
        mine.append(np.array([name.partition(":")[0] == recipe.own_weights for name in names[some].tolist()]))
    return np.concatenate(found), np.concatenate(mine)


def report(
    name: str, parts: tuple[str, ...], chosen: tuple[float, ...], errors: dict[tuple[float, ...], float]
) -> str:
    """Return a table: the validation error with the chosen weights, the best ones, and each part alone."""
    alone = [weights for weights in errors if max(weights) == 1]
    rows = {"chosen": chosen, "best": min(errors, key=lambda weights: errors[weights])}
    lines = [f"{name}: validation MAE, mean over sources, by weights of {', '.join(parts)}"]
    for label, weights in (*rows.items(), *(("alone", weights) for weights in sorted(alone, reverse=True))):
        cells = " ".join(f"{weight:.1f}" for weight in weights)
        lines.append(f"  {label:8}{cells}  {errors[weights]:.2f}")
    return "\n".join(lines)
