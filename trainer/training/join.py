"""Join finished runs to an ensemble: the weight that suits the validation faces of all sources alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from trainer.datasets.corpus import Corpus
from trainer.training import ensemble, mixed
from trainer.training.distillation import shares_of
from trainer.training.recipe import Recipe
from trainer.training.runs import BEST, HISTORY


def join(recipe: Recipe, corpus: Corpus, runs: Path, folder: Path, parts: tuple[str, ...]) -> dict[str, Any]:
    """Choose the weights, leave what a run leaves in the folder, and return what was measured.

    Its `history.json` is that of the part with the most epochs. `parts` are runs, in the recipe's order.

    Raises:
        SettingsError: a part was not trained.
    """
    sources = np.array([row.source for row in corpus.data.rows])
    valid = mixed.few(corpus.positions("valid"), sources, recipe.seed)
    told = np.stack([shares_of(runs / name, corpus.pack.crops, valid, mirrored=False) for name in parts])
    weight, errors = ensemble.best_weight(told, corpus.ages_years[valid], sources[valid])
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"weights": torch.tensor([weight, 1 - weight])}
    for number, name in enumerate(parts):
        kept |= {f"{number}.{key}": value for key, value in load_file(runs / name / BEST).items()}
    save_file(kept, folder / BEST)
    (folder / "recipe.toml").write_text(recipe.text, encoding="utf-8")
    histories = [runs / name / HISTORY for name in parts if (runs / name / HISTORY).is_file()]
    texts = [path.read_text(encoding="utf-8") for path in histories]
    longest = max(texts, key=lambda text: len(json.loads(text)), default="[]")
    (folder / HISTORY).write_text(longest, encoding="utf-8")
    print(
        f"{recipe.name}: {parts[0]} with weight {weight:.1f}; validation MAE, mean over sources, by weight:"
    )
    print("  " + " ".join(f"{step * ensemble.STEP:.1f}:{error:.2f}" for step, error in enumerate(errors)))
    written = [(runs / name / "result.json").read_text(encoding="utf-8") for name in parts]
    seconds = round(sum(json.loads(text)["seconds"] for text in written), 1)
    return {"parts": list(parts), "weight": weight, "valid_mae": min(errors), "seconds": seconds}
