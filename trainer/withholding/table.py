"""The measured bounds and what they buy, as tables for people."""

from __future__ import annotations

from typing import Any

from trainer.evaluation.measures.metrics import bracketed

NAMES = {
    "test": "test part as it is",
    "degraded": "degraded copies of test faces",
    "bands": "photos labelled with bands",
}
"""Set of photos, as the document names it, to what people read."""


def as_text(document: dict[str, Any]) -> str:
    """Return the bounds, the trade of every set, and what becomes of degraded copies."""
    title = f"{document['model']}; 95% bootstrap intervals in brackets"
    lines = [title, document["rule"], "", *_bounds(document)]
    for name, rows in document["trade"].items():
        lines += ["", f"{NAMES[name]}: the most severe withheld", *_trade(rows)]
        lines += _ruled(document["ruled"][name])
    return "\n".join([*lines, "", *_degraded(document["degraded"]), "", *_parts(document["parts"])])


def _bounds(document: dict[str, Any]) -> list[str]:
    lines = [f"{'bound':24}{'':10}{'':>10}{'clean faces':>13}{'beyond':>8}{'MAE':>22}{'coverage':>24}"]
    lines += [
        f"{entry['name']:24}{entry['level']:10}{entry['bound']:>10.4g}{entry['clean_share']:>13.1%}"
        f"{entry['faces']:>8}{_years(entry['mae']):>22}{_share(entry['coverage']):>24}"
        for entry in document["bounds"]
    ]
    return lines if document["bounds"] else ["No measure calls for a bound."]


def _trade(rows: list[dict[str, Any]]) -> list[str]:
    last = "within the band or close" if "within_or_close" in rows[0] else "coverage"
    lines = [f"{'withheld':>9}{'answered':>10}{'MAE':>22}{last:>26}"]
    for row in rows:
        share = _share(row.get("within_or_close", row.get("coverage")))
        lines.append(f"{row['withheld']:>9.0%}{row['answered']:>10}{_years(row.get('mae')):>22}{share:>26}")
    return lines


def _ruled(row: dict[str, Any]) -> list[str]:
    return [
        f"by the bounds: refused {row['refused']:.1%}, withheld {row['withheld']:.1%}, "
        f"flagged {row['flagged']:.1%}; answered {_outcome(row['answered_figures'])}; "
        f"withheld {_outcome(row['withheld_figures'])}"
    ]


def _outcome(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return "nothing"
    if "within_or_close" in figures:
        return f"{_share(figures['within_or_close'])} close"
    return f"MAE {_years(figures['mae'])}, coverage {_share(figures['coverage'])}"


def _degraded(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        f"{'copies of test faces':28}{'refused':>9}{'flagged':>9}{'withheld':>9}{'MAE, all':>10}"
        f"{'answered':>10}{'coverage':>10}{'withheld':>10}"
    ]
    for row in rows:
        shares = "".join(f"{row[name]:>9.1%}" for name in ("refused", "flagged", "withheld"))
        kinds = ("estimated", "answered", "withheld")
        everyone, answered, held = (row[f"{kind}_figures"] or {} for kind in kinds)
        lines.append(
            f"{row['name']:28}{shares}{_value(everyone, 'mae', '.2f'):>10}"
            f"{_value(answered, 'mae', '.2f'):>10}{_value(answered, 'coverage', '.1%'):>10}"
            f"{_value(held, 'mae', '.2f'):>10}"
        )
    return lines


def _parts(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        f"{'test part':16}{'photos':>8}{'flagged':>10}{'withheld':>10}{'answered':>10}"
        f"{'their MAE':>11}{'bias':>8}{'coverage':>10}"
    ]
    for row in rows:
        told = row["answered_figures"] or {}
        lines.append(
            f"{row['part']:16}{row['photos']:>8}{row['flagged']:>10.1%}{row['withheld']:>10.1%}"
            f"{row['answered']:>10}{_value(told, 'mae', '.2f'):>11}{_value(told, 'bias', '+.2f'):>8}"
            f"{_value(told, 'coverage', '.1%'):>10}"
        )
    return lines


def _value(figures: dict[str, Any], name: str, style: str) -> str:
    return format(figures[name]["value"], style) if figures else "-"


def _years(figure: dict[str, float] | None) -> str:
    return bracketed(figure, ".2f")


def _share(figure: dict[str, float] | None) -> str:
    return bracketed(figure, ".1%")
