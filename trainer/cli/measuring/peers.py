"""`python -m trainer peers`: free packages and a bundle on the same photos, by source."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simsvc.adapters.inference.bundle import Bundle, load_bundle
from simsvc.errors import SettingsError
from trainer.datasets.corpus import cores
from trainer.datasets.formats.rows import Row
from trainer.datasets.held_out import SourcePart
from trainer.evaluation.by_source import Floats, Judged, constant, figures, mae, plain, seed_of
from trainer.evaluation.scoring import Scored, judge
from trainer.options import BUNDLE, add_part_arguments, check_writable, chosen_parts, write_json
from trainer.peers.compare import as_text, mean_of, paired, peer_row
from trainer.peers.estimates import PeerEstimates, cropper, estimates
from trainer.peers.registry import PEERS, Peer

ROOT = Path("work/peers")
LIMIT = 500  # faces of a source: an error of 5 years is known to a quarter of a year (76% / sqrt(500) of it)

Answers = dict[str, list[PeerEstimates]]
Resamples = dict[str, Floats]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_part_arguments(parser, LIMIT)
    parser.add_argument(
        "--peer", action="append", choices=[peer.name for peer in PEERS], help="repeatable (default: all)"
    )
    text = f"where packages and their answers are kept (default: {ROOT})"
    parser.add_argument("--folder", type=Path, default=ROOT, help=text)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help=f"(default: {BUNDLE})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--threads", type=int, default=cores(), help="of our model (default: all)")


def run(args: argparse.Namespace) -> int:
    """Install what is missing, ask everybody, print and write.

    Raises:
        SettingsError: no peer at all can be run.
    """
    check_writable(args.json)
    bundle = load_bundle(args.bundle)
    taken = chosen_parts(args, bundle)
    ours = judge(bundle, taken, args.threads)
    wanted = [peer for peer in PEERS if args.peer is None or peer.name in args.peer]
    answers, missing = _ask(wanted, [scored.rows for scored, _ in ours], bundle, args.folder)
    if not answers:
        raise SettingsError(" ".join(entry["why"] for entry in missing))
    document = measured(bundle, args.split, taken, ours, (answers, missing))
    print(as_text(document))
    write_json(args.json, document)
    return 0


def _ask(
    peers: Sequence[Peer], rows: Sequence[Sequence[Row]], bundle: Bundle, folder: Path
) -> tuple[Answers, list[dict[str, str]]]:
    folder.mkdir(parents=True, exist_ok=True)
    answers: Answers = {}
    missing = []
    crop = cropper(bundle)
    for peer in peers:
        try:
            answers[peer.name] = [estimates(peer, part, crop, folder) for part in rows]
        except SettingsError as error:
            missing.append({"peer": peer.name, "why": error.sentence})
    return answers, missing


def measured(
    bundle: Bundle,
    split: str,
    taken: Sequence[SourcePart],
    ours: Sequence[tuple[Scored, Judged]],
    asked: tuple[Answers, list[dict[str, str]]],
) -> dict[str, Any]:
    """Return all figures as plain values for JSON; `asked` is the answers, and which peers are missing."""
    answers, missing = asked
    resamples = {
        name: [_compared(p.name, j, a) for p, (_, j), a in zip(taken, ours, answers[name], strict=True)]
        for name in answers
    }
    return {
        "model": bundle.version,
        "model_sha256": bundle.sha256,
        "split": split,
        "peers": [_about(peer) for peer in PEERS if peer.name in answers],
        "missing": missing,
        "sources": [
            _source(part, faces, {name: resamples[name][at] for name in answers})
            for at, (part, (_, faces)) in enumerate(zip(taken, ours, strict=True))
        ],
        "mean": [_mean(name, found) for name, found in resamples.items()],
    }


def _about(peer: Peer) -> dict[str, str]:
    about = {"peer": peer.name, "package": peer.package, "weights": peer.terms}
    return about | {"learnt_from": peer.learnt_from, "on_our_crops": peer.on_our_crops}


def _compared(source: str, ours: Judged, theirs: PeerEstimates) -> tuple[Resamples, Resamples]:
    def with_ours(years: Floats) -> Resamples:
        return paired(ours.errors_years, years - ours.ages_years, ours.persons, seed_of(source))

    return with_ours(theirs.photos_years), with_ours(theirs.crops_years)


def _source(part: SourcePart, ours: Judged, found: dict[str, tuple[Resamples, Resamples]]) -> dict[str, Any]:
    return {
        "source": part.name,
        "split": part.split,
        "faces": len(ours.ages_years),
        **plain(figures(ours, {"ours": mae, "constant": constant})),
        "peers": [peer_row(name, photos, crops) for name, (photos, crops) in found.items()],
    }


def _mean(name: str, found: Sequence[tuple[Resamples, Resamples]]) -> dict[str, Any]:
    told = sum(bool(np.isfinite(photos["mae"][0])) for photos, _ in found)
    means = [mean_of(resamples) for resamples in zip(*found, strict=True)]
    return peer_row(name, *means) | {"sources": told}
