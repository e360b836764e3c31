"""`python -m trainer doubt`: fit the score by which the most doubtful estimates are referred to a person.

It is fitted on all sources, and evaluated on each by a score fitted without it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tqdm import tqdm

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.estimate.doubt import FORMAT, Doubt
from simsvc.errors import SettingsError
from trainer.datasets.held_out import FITTING, SourcePart, known_sources, parts
from trainer.evaluation.doubt import FAR_YEARS, REFERRED, LeftOut, Scored, fitted, left_out, scored
from trainer.evaluation.source_faces import faces_of
from trainer.options import (
    add_bundle_arguments,
    add_known_source_argument,
    add_to_model,
    check_writable,
    learnt_from,
    write_json,
)

ENOUGH = 500
"""Validation faces of a source that the model learnt from by which the score is fitted well enough; of a
smaller source its test faces are taken, too, since the model has seen neither."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_known_source_argument(parser, "; of one that the model learnt from, what was held out")
    add_bundle_arguments(parser)
    parser.add_argument(
        "--limit", type=int, help="a trial: at most so many faces of each source; model.json stays as it is"
    )


def run(args: argparse.Namespace) -> int:
    """Fit, judge by sources left out, print, and write the score into model.json."""
    check_writable(args.json)
    bundle = load_bundle(args.bundle)
    model = OnnxModel(bundle, args.threads)
    if not model.has_distribution:
        raise SettingsError(
            "This model gives no distribution over ages, so no doubt can be read off it. "
            "Export a model with a distribution head by `python -m trainer export`."
        )
    detector = detector_of(bundle)
    sources = []
    for part in chosen_parts(args, bundle):
        faces = faces_of(part, model, detector)
        told = [model.predict([crop]) for crop in tqdm(faces.crops, desc="estimate", unit="face")]
        sources.append(scored(faces, told))
    score = fitted(sources, bundle.sha256)
    entry, judged = described(score, sources), left_out(sources)
    document: dict[str, Any] = {"model": bundle.version, "model_sha256": bundle.sha256, "doubt": entry}
    document |= {"far_years": FAR_YEARS, "left_out": [asdict(row) for row in judged]}
    print(as_text(entry, judged))
    if args.limit is None:
        add_to_model(bundle, {"doubt": entry})
    write_json(args.json, document)
    return 0


def chosen_parts(args: argparse.Namespace, bundle: Bundle) -> list[SourcePart]:
    """Return the faces to fit on: none that the model learnt from."""
    learnt, sources = learnt_from(bundle), known_sources(args.source)
    both = (parts(sources, learnt, split, args.limit) for split in (FITTING, "held-out"))
    return [
        valid if not valid.learnt or len(valid.rows) >= ENOUGH else held_out
        for valid, held_out in zip(*both, strict=True)
    ]


def described(score: Doubt, sources: Sequence[Scored]) -> dict[str, Any]:
    """Return the entry of model.json."""
    return {
        "format": FORMAT,
        "model_sha256": score.model_sha256,
        "source": "python -m trainer doubt",
        "faces": {source.source: len(source.errors_years) for source in sources},
        "weights": {name: round(value, 6) for name, value in score.weights.items()},
        "constant": round(score.constant, 6),
        "threshold": round(score.threshold, 4),
    }


def as_text(entry: dict[str, Any], judged: Sequence[LeftOut]) -> str:
    """Return the weights and the table of sources left out, for people."""
    weights = ", ".join(f"{name} {value:+.3f}" for name, value in entry["weights"].items())
    lines = [
        f"ln(1 + error in years) = {entry['constant']:+.3f}, {weights}",
        f"Referred above {entry['threshold']:.3f}.",
        f"Each source left out of the fit; far: more than {FAR_YEARS:.0f} years off; the most doubtful "
        f"{REFERRED:.0%} of it.",
        f"{'source':16}{'faces':>7}{'far':>6}{'caught':>8}{'at most':>9}{'outside':>9}{'caught':>8}"
        f"{'above':>8}{'caught':>8}",
    ]
    rows = [*judged, _total(judged)] if judged else []
    lines += [
        f"{row.source:16}{row.faces:>7}{row.far:>6}{row.caught:>8}{row.most_caught:>9}{row.far_outside:>9}"
        f"{row.caught_outside:>8}{row.referred:>8}{row.caught_by_threshold:>8}"
        for row in rows
    ]
    if judged and rows[-1].far:
        share = rows[-1].caught / rows[-1].far
        lines.append(f"The most doubtful {REFERRED:.0%} hold {share:.0%} of what is far off.")
    return "\n".join(lines)


def _total(judged: Sequence[LeftOut]) -> LeftOut:
    names = [name for name in asdict(judged[0]) if name != "source"]
    return LeftOut("all", **{name: sum(getattr(row, name) for row in judged) for name in names})
