"""Join finished runs to an ensemble: the weight that suits the validation faces of all sources alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from trainer.datasets.corpus import Corpus
from trainer.training import ensemble, mixed
from trainer.training.distillation import shares_of
from trainer.training.recipe import PUBLISHED, Recipe
from trainer.training.runs import BEST, HISTORY, load_run


def join(recipe: Recipe, corpus: Corpus, runs: Path, folder: Path, parts: tuple[str, ...]) -> dict[str, Any]:
    """Choose the weights, leave what a run leaves in the folder, and return what was measured.

    Its `history.json` is that of the part with the most epochs. `parts` are runs, in the recipe's order.

    Raises:
        SettingsError: a part was not trained.
    """
    sources = np.array([row.source for row in corpus.data.rows])
    valid = mixed.few(corpus.positions("valid"), sources, recipe.seed)
    told = np.stack([shares_of(runs / name, corpus.pack.crops, valid, mirrored=False) for name in parts])
    weights, errors = ensemble.best_weights(told, corpus.ages_years[valid], sources[valid])
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"weights": torch.tensor(weights)}
    for number, name in enumerate(parts):
        _, model = load_run(runs / name)
        kept |= {f"{number}.{key}": value.contiguous() for key, value in model.state_dict().items()}
    save_file(kept, folder / BEST)
    (folder / "recipe.toml").write_text(recipe.text, encoding="utf-8")
    histories = [runs / name / HISTORY for name in parts if (runs / name / HISTORY).is_file()]
    texts = [path.read_text(encoding="utf-8") for path in histories]
    longest = max(texts, key=lambda text: len(json.loads(text)), default="[]")
    (folder / HISTORY).write_text(longest, encoding="utf-8")
    print(report(recipe.name, parts, weights, errors))
    written = [runs / name / "result.json" for name in parts if name not in PUBLISHED]
    seconds = round(sum(json.loads(path.read_text(encoding="utf-8"))["seconds"] for path in written), 1)
    return {
        "parts": list(parts),
        "weights": list(weights),
        "valid_mae": errors[weights],
        "seconds": seconds,
    }


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
