"""Ours and a peer's errors on the same photos: errors of each, and the difference with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.by_source import Floats, draws, plain, summarised
from trainer.evaluation.measures.metrics import bracketed


def paired(
    ours_years: Floats, theirs_years: Floats, persons: NDArray[np.int64], seed: int = 0
) -> dict[str, Floats]:
    """Return float64 (1 + RESAMPLES,) by name: the figure and its resamples over persons.

    "answered" is the share of photos that the peer answers, "mae" its error on those, "ours" our error on the
    same and "difference" ours less the peer's: negative where we are ahead. Given are estimates minus labels,
    (N,), the peer's NaN where it finds no face, and the same number, (N,), for photos of one person.
    """
    ours, theirs = np.abs(ours_years), np.abs(theirs_years)
    answered = np.isfinite(theirs)
    zeroed = np.where(answered, theirs, 0.0)
    rows = []
    for at in (np.arange(len(ours)), *draws(persons, seed)):
        mine, count = answered[at], int(answered[at].sum())
        error = zeroed[at].sum() / count if count else np.nan
        own = ours[at][mine].sum() / count if count else np.nan
        rows.append((mine.mean(), error, own, own - error))
    return dict(zip(("answered", "mae", "ours", "difference"), np.array(rows).T, strict=True))


def peer_row(peer: str, values: Mapping[str, Floats], crops: Mapping[str, Floats]) -> dict[str, Any]:
    """Return the row of one peer on one source, or of its mean over sources."""
    on_crops = {"crop_mae": crops["mae"], "crop_difference": crops["difference"]} if crops else {}
    return {"peer": peer, **plain(summarised({**values, **on_crops}))}


def mean_of(resamples: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Return the mean over those sources in which the peer answers anything."""
    told = [values for values in resamples if np.isfinite(values["mae"][0])]
    return {key: np.mean([values[key] for values in told], axis=0) for key in told[0]} if told else {}


def as_text(document: Mapping[str, Any]) -> str:
    """Return an aligned table for people, 95% intervals in brackets."""
    lines = [
        f"{document['model']} and peers by source; 95% bootstrap intervals over persons",
        f"{'':16}{'':16}{'faces':>6}{'answered':>10}{'MAE':>22}{'ours, same photos':>22}"
        f"{'ours less theirs':>24}{'MAE on our crops':>22}{'ours less theirs':>24}",
    ]
    for source in document["sources"]:
        lines.append(
            f"{source['source']:16}{'ours':16}{source['faces']:>6}{'100%':>10}"
            f"{bracketed(source['ours'], '.2f'):>22}"
            f"   (constant guess {source['constant']['value']:.1f}; {source['split']})"
        )
        lines += [_line("", row) for row in source["peers"]]
    lines += [_line("mean of sources", row) for row in document["mean"]]
    lines += [f"left out: {missing['peer']}: {missing['why']}" for missing in document["missing"]]
    return "\n".join(lines)


def _line(name: str, row: Mapping[str, Any]) -> str:
    answered = f"{row['answered']['value']:.0%}" if row.get("answered") else "-"
    columns = [("mae", ".2f", 22), ("ours", ".2f", 22), ("difference", "+.2f", 24)]
    columns += [("crop_mae", ".2f", 22), ("crop_difference", "+.2f", 24)]
    cells = "".join(f"{bracketed(row.get(key), style):>{width}}" for key, style, width in columns)
    return f"{name:16}{row['peer']:16}{row.get('sources', ''):>6}{answered:>10}{cells}"
