"""What withholding buys: error and coverage of what is answered, against the share that is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from simsvc.domain.estimate.rules import SUPPORT_AT_LEAST, Rules
from simsvc.domain.estimate.support import LEAST_SUPPORT
from simsvc.domain.photo.quality import quality_flags
from trainer.datasets.degrade import Degradation
from trainer.evaluation.judging import ESTIMATED
from trainer.evaluation.measures.metrics import CLOSE_YEARS, bootstrapped
from trainer.withholding.rules import CAUSES, CLEAN, Measured, pool

SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)  # Of the estimated faces, withheld from the most severe on

Figures = Callable[[NDArray[np.intp]], dict[str, Any]]  # What to report of the faces at some positions


class Severity:
    """How much worse than at its best a face's estimate is expected to be, in years, from its measures alone.

    For each measure the expected absolute error is the isotonic regression of the validation faces' errors on
    it: a face's severity is the highest of its excesses over the measure's best value.
    Source: Barlow, Bartholomew, Bremner and Brunk, "Statistical Inference under Order Restrictions", 1972.
    """

    def __init__(self, parts: Sequence[Measured]) -> None:
        self._curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        for name, kinds in CAUSES.items():
            faces = pool([part for part in parts if part.kind in (CLEAN, *kinds)], name)
            if len(faces.badness):
                expected = isotonic_regression(faces.absolute_years[::-1]).x
                self._curves[name] = faces.badness[::-1], expected - expected[0]

    def of(self, faces: Measured) -> NDArray[np.float64]:
        """Return the severity of N faces, float64 (N,); what is not known of a face adds nothing."""
        found = np.zeros(len(faces.errors_years))
        for name, (badness, excess_years) in self._curves.items():
            values = np.interp(np.nan_to_num(faces.badness(name), nan=-np.inf), badness, excess_years)
            found = np.maximum(found, values)
        return found

    def order(self, faces: Measured) -> NDArray[np.intp]:
        """Return the positions of the estimated faces, least severe first; of equals the better supported."""
        order = np.lexsort((faces.badness(SUPPORT_AT_LEAST), self.of(faces)))
        return order[faces.judged.estimated[order]]


def trade(order: NDArray[np.intp], figures: Figures) -> list[dict[str, Any]]:
    """Return the figures of what is answered at each of `SHARES`."""
    rows = []
    for share in SHARES:
        kept = np.sort(order[: len(order) - round(share * len(order))])
        rows.append({"withheld": share, "answered": len(kept), **(figures(kept) if len(kept) else {})})
    return rows


def errors(faces: Measured) -> Figures:
    """Report MAE and bias in years and coverage of the ranges, with 95% intervals."""

    def figures(kept: NDArray[np.intp]) -> dict[str, Any]:
        return {
            "mae": asdict(bootstrapped(np.abs(faces.errors_years[kept]))),
            "bias": asdict(bootstrapped(faces.errors_years[kept])),
            "coverage": asdict(bootstrapped(faces.covered[kept].astype(np.float64))),
        }

    return figures


def close(outside_years: NDArray[np.float64]) -> Figures:
    """Report the share within the labelled band or at most `CLOSE_YEARS` outside, with its 95% interval."""

    def figures(kept: NDArray[np.intp]) -> dict[str, Any]:
        near = (outside_years[kept] <= CLOSE_YEARS).astype(np.float64)
        return {"within_or_close": asdict(bootstrapped(near))}

    return figures


def raised(faces: Measured, rules: Rules) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which faces the service flags for quality or support, and which it withholds: bool (N,) each."""
    severe, mild = [], []
    for found, share in zip(faces.judged.qualities, faces.support.tolist(), strict=True):
        known = None if np.isnan(share) else share
        severe.append(bool(rules.severe_flags(found, known)))
        flags = quality_flags(found, rules.thresholds) if found else ()
        mild.append(bool(flags) or (known is not None and known < LEAST_SUPPORT))
    withheld = np.array(severe, dtype=bool)
    return np.array(mild, dtype=bool) | withheld, withheld


def as_ruled(faces: Measured, rules: Rules, figures: Figures) -> dict[str, Any]:
    """Return what becomes of photos under the chosen bounds: shares of all photos, figures by answer.

    A photo is refused, or else withheld, or else answered; of the answered and withheld some are flagged.
    """
    flagged, withheld = raised(faces, rules)
    estimated = faces.judged.estimated
    answered, held = np.flatnonzero(estimated & ~withheld), np.flatnonzero(withheld)
    outcomes = faces.judged.outcomes
    return {
        "photos": len(outcomes),
        "refused": round(sum(outcome != ESTIMATED for outcome in outcomes) / len(outcomes), 4),
        "flagged": round(float(flagged.mean()), 4),
        "withheld": round(float(withheld.mean()), 4),
        "estimated_figures": figures(np.flatnonzero(estimated)) if estimated.any() else None,
        "answered_figures": figures(answered) if len(answered) else None,
        "withheld_figures": figures(held) if len(held) else None,
    }


def degraded_table(
    copies: Sequence[tuple[Degradation, Measured]], rules: Rules, clean: Measured
) -> list[dict[str, Any]]:
    """Return what becomes of each kind and strength of copies, after the undegraded faces themselves."""
    rows = [{"kind": CLEAN, "strength": 0.0, "name": "as they are", **as_ruled(clean, rules, errors(clean))}]
    for how, faces in copies:
        about = {"kind": how.kind, "strength": float(how.strength), "name": how.name}
        rows.append({**about, **as_ruled(faces, rules, errors(faces))})
    return rows


def by_part(faces: Measured, rules: Rules, kinds: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Return the shares flagged and withheld of each part, so that no group bears them unseen.

    Beside them stand the figures of what is answered, which is all that people get to read. `kinds` has, for
    each kind (decade, group, gender), the part each of the N faces belongs to, or "".
    """
    flagged, withheld = raised(faces, rules)
    answered, figures, rows = faces.judged.estimated & ~withheld, errors(faces), []
    for kind in kinds:
        names = np.array(kind)
        for name in sorted(set(kind) - {""}):
            mine = names == name
            shares = {"flagged": float(flagged[mine].mean()), "withheld": float(withheld[mine].mean())}
            told = np.flatnonzero(mine & answered)
            rows.append(
                {"part": name, "photos": int(mine.sum()), **{k: round(v, 4) for k, v in shares.items()}}
                | {"answered": len(told), "answered_figures": figures(told) if len(told) else None}
            )
    return rows
