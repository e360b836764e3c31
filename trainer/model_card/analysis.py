"""The card's figures: measurements in tables, compared with the aims."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from trainer.evaluation.measures import fairness_before
from trainer.evaluation.measures.conformal import LEAST_FACES
from trainer.evaluation.neighbours import SERVED
from trainer.model_card import sources
from trainer.model_card.aims import Aim
from trainer.model_card.measured import Document
from trainer.model_card.run import Run

Measured = Mapping[str, Document]
BOOKKEEPING = {"model", "model_sha256", "format", "seed", "split", "source"}
"""Keys of measured files that the card has elsewhere."""
WITHHELD = "withheld_estimates"


def quantitative(measured: Measured, run: Run) -> dict[str, Any]:
    """Return the section of figures; what was left out is left out here too."""
    test = measured["test"]
    anywhere = sources.section(measured)
    section: dict[str, Any] = {
        **({sources.ANYWHERE: anywhere} if anywhere else {}),
        "aims": [aim.as_row() for aim in aims(measured)],
        "performance_metrics": [_slice(table) for table in test["tables"]],
        "groups_compared": _comparisons(measured),
        "outcomes_in_the_service": test["outcomes"],
    }
    laid_out: dict[str, tuple[str, Callable[[Document], Any]]] = {
        "before": (
            "before_and_after",
            lambda document: [{"slice": r.pop("part"), **r} for r in fairness_before.beside(document, test)],
        ),
        "portraits": ("studio_portraits", lambda document: [_slice(t) for t in document["tables"]]),
        "fairface": ("fairface_labelled_with_bands_of_ages", _fairface),
        "framing": ("moved_or_scaled_crops", lambda document: document["changes"]),
        "coverage": ("intervals_on_the_test_part", lambda document: document["parts"]),
        "withheld": (WITHHELD, withheld_section),
        "neighbours": ("neighbours", _neighbours),
    }
    section |= {title: lay(measured[name]) for name, (title, lay) in laid_out.items() if name in measured}
    return section | {"training": _training(run)}


def aims(measured: Measured) -> Iterator[Aim]:
    """Yield every aim that was measured: photos from anywhere first."""
    yield from sources.aims(measured)
    tables = {table["part"]: table for table in measured["test"]["tables"]}
    yield Aim("test: mean absolute error, years", tables["all"]["mae"]["value"], most=4.6)
    yield Aim("test: share at most 5 years off", tables["all"]["cs5"]["value"], least=0.67)
    if "age 80+" in tables:
        oldest = tables["age 80+"]["mae"]["value"]
        yield Aim("labelled 80 or more: mean absolute error, years", oldest, most=8)
    yield from _bias_aims(tables)
    gap = measured["test"]["fairness"]["groups"]["gap"]
    if gap:
        yield Aim("groups: largest mean absolute error over least", gap["value"], most=1.25)
    if "framing" in measured:
        cost = measured["framing"]["worst_cost_years"]
        yield Aim("crop scaled or moved by a tenth: worst cost, years", cost, most=0.4)
    if "coverage" in measured:
        yield from _coverage_aims(measured["coverage"])
    if "neighbours" in measured:
        yield from _neighbour_aims(measured["neighbours"])


def _bias_aims(tables: Mapping[str, Any]) -> Iterator[Aim]:
    """Yield the largest bias of the decades to 70 and above; "age 80+" is no decade."""
    decades = {part: table for part, table in tables.items() if part.startswith("age ") and part != "age 80+"}
    biases = {int(part[4:].split("-")[0].rstrip("+")): abs(t["bias"]["value"]) for part, t in decades.items()}
    young = [bias for start, bias in biases.items() if start < 70]
    old = [bias for start, bias in biases.items() if start >= 70]
    if young:
        yield Aim("decades to 70: largest bias either way, years", max(young), most=1.5)
    if old:
        yield Aim("decades from 70: largest bias either way, years", max(old), most=4)


def _coverage_aims(coverage: Document) -> Iterator[Aim]:
    parts = {part["part"]: part for part in coverage["parts"]}
    yield Aim("labels inside the 90% range, share", parts["all"]["coverage"], least=0.88, most=0.92)
    many = [part["coverage"] for part in parts.values() if part["faces"] >= LEAST_FACES]
    if many:
        yield Aim(f"the same, of the worst part of {LEAST_FACES} faces or more", min(many), least=0.86)


def _neighbour_aims(document: Document) -> Iterator[Aim]:
    for row in document["rows"]:
        if row["transform"] == SERVED:
            excess = round(row["mae_years"] - document["mae_years"], 4)
            yield Aim("neighbours' mean age: error beyond the model's own, years", excess, most=0.3)
            for name, least in (("gender", 0.9), ("group", 0.75)):
                if row[name] is not None:
                    yield Aim(f"neighbours of the same {name}, share", row[name], least=least)


def _slice(table: Document) -> dict[str, Any]:
    names = {"mae": "mae_years", "bias": "bias_years", "cs5": "cs5", "coverage": "coverage"}
    figures = {shown: table[key] for key, shown in names.items() if table.get(key)}
    return {"slice": table["part"], "faces": table["faces"], **figures}


def _comparisons(measured: Measured) -> list[dict[str, Any]]:
    rows = []
    for name, when in (("before", "before"), ("test", "now")):
        for kind, comparison in measured.get(name, {}).get("fairness", {}).items():
            rows.append(_comparison(f"{kind}, largest over least, {when}", comparison))
            rows += [
                {
                    "compared": f"{part['part']}, {when}",
                    "faces": part["faces"],
                    "mae": part["mae"],
                    "with_ages_made_alike": part["standardised_mae"],
                }
                for part in comparison["parts"]
            ]
    return rows


def _comparison(name: str, comparison: Document) -> dict[str, Any]:
    return {
        "compared": name,
        "mae": comparison["gap"],
        "with_ages_made_alike": comparison["standardised_gap"],
        "by_ages_alone": comparison.get("gap_of_ages"),
        "ages_left_out": ", ".join(comparison["decades_left_out"]) or None,
    }


def _fairface(document: Document) -> list[dict[str, Any]]:
    """Return the parts, each outcome of the service's own choice of face in its own column."""
    return [
        {
            **{key: value for key, value in part.items() if key != "outcomes"},
            **{f"outcome_{key}": count for key, count in part.get("outcomes", {}).items()},
        }
        for part in document["parts"]
    ]


def _neighbours(document: Document) -> dict[str, Any]:
    facts = {key: document[key] for key in ("queries", "gallery", "mae_years")}
    rows = sorted(document["rows"], key=lambda row: (row["transform"] != SERVED, row["mae_years"]))
    return {**facts, "candidates": rows}


def withheld_section(document: Document) -> dict[str, Any]:
    """Return the tables of `trainer withhold`: one per set of photos."""
    kept = {key: value for key, value in document.items() if key not in BOOKKEEPING}
    for key in ("trade", "ruled"):
        for name, value in kept.pop(key, {}).items():
            kept[f"{key}_{name}"] = value
    return kept


def _training(run: Run) -> dict[str, Any]:
    result = run.result
    return {
        "validation_mae_years": result["valid_mae"],
        "validation_rmse_years": result.get("valid_rmse"),  # not measured of an ensemble
        "best_epoch": result["best_epoch"] + 1 if "best_epoch" in result else None,
        "epochs": len(run.history),
        "minutes": round(result["seconds"] / 60, 1),
        "machine": result["machine"],
        "faces_learnt_from": result.get("learnt_from", result["faces"]["train"]),
    }
