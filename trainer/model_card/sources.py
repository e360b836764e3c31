"""The card's section on photos from anywhere: figures by source, and what was wanted of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from trainer.datasets.held_out import short
from trainer.model_card.aims import Aim
from trainer.model_card.measured import Document

Measured = Mapping[str, Document]
ANYWHERE = "photos_from_anywhere"
READING = (
    "Every source counts the same. Where the model learnt from a source, only people it never saw are "
    "measured. The constant guess gives everyone the median age of the measured faces. Brackets hold 95% "
    "bootstrap intervals over persons. One face in a hundred exceeds the worst 1%. Where only a window of "
    "ages is known, the error is measured from its middle. A slope below 1 means that estimates spread "
    "wider than ages."
)
NAMES = {
    "portraits": "Studio portraits",
    "fgnet": "FG-NET",
    "us_congress": "US Congress",
    "bundestag": "Bundestag",
    "uk_parliament": "UK Parliament",
    "utkface": "UTKFace",
}
"""Sources as people write them; others are called as their owners do."""
FEW_FACES = 10
"""Least faces of a decade of a source: with fewer, one face would decide more than a tenth of the error."""
WHOLE = {
    "mae": "mae_years",
    "constant": "constant_guess_years",
    "bias": "bias_years",
    "coverage": "inside_the_90%_range",
    "worst_1pc": "worst_1%_years",
    "worst": "worst_years",
    "ratio": "error_over_constant_guess",
    "window_overlap": "range_touches_the_window",
    "slope": "slope",
    "women_over_men": "women_over_men",
}


def section(measured: Measured) -> dict[str, Any] | None:
    """Return the section, of what was measured; None where nothing of it was."""
    laid_out: dict[str, tuple[str, Callable[[Document], Any]]] = {
        "sources": ("error_by_source", _whole),
        "peers": ("the_same_photos_judged_by_free_packages", _peers),
        "left_out": ("sources_left_out_of_training", _left_out),
        "site_calibration": ("with_and_without_your_own_reference_faces", _site_calibration),
    }
    found = {title: lay(measured[name]) for name, (title, lay) in laid_out.items() if name in measured}
    if not found:
        return None
    if "sources" in measured:
        found["women_and_men"] = _genders(measured["sources"])
        found |= _decades(measured["sources"])
    if "peers" in measured:
        found["the_packages"] = measured["peers"]["peers"]
    return {"how_to_read_it": READING, **found}


def named(source: str) -> str:
    """Return a source's name for people, with or without its reader's: "FG-NET" for "windows:fgnet"."""
    return NAMES.get(short(source), short(source).replace("_", " "))


def _whole(document: Document) -> list[dict[str, Any]]:
    rows = [
        {
            "source": named(row["source"]),
            "faces": row["faces"],
            **_renamed(row, WHOLE),
            "judged": "held-out people" if row["learnt_from"] else "never learnt from",
        }
        for row in document["sources"]
    ]
    return [*rows, {"source": "mean of the sources", **_renamed(document["mean"], WHOLE)}]


def _renamed(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {shown: row[name] for name, shown in names.items() if row.get(name) is not None}


def _genders(document: Document) -> list[dict[str, Any]]:
    names = {"faces": "faces", "mae": "mae_years", "bias": "bias_years", "coverage": "inside_the_90%_range"}
    return [
        {"source": named(row["source"]), "labelled": part["part"], **_renamed(part, names)}
        for row in document["sources"]
        for part in row["genders"]
    ]


def _decades(document: Document) -> dict[str, list[dict[str, Any]]]:
    """Return two tables, of error and of bias: a row for each decade, a column for each source."""
    rows = document["sources"]
    parts = {(row["source"], part["part"]): part for row in rows for part in row["decades"]}
    many = {key: part for key, part in parts.items() if part["faces"] >= FEW_FACES}
    decades = sorted({decade for _, decade in many})
    met = [row["source"] for row in rows if any(source == row["source"] for source, _ in many)]
    return {
        title: [
            {"age": decade.removeprefix("age ")}
            | {named(name): _cell(many.get((name, decade)), key, style) for name in met}
            for decade in decades
        ]
        for title, key, style in (
            ("error_by_decade_of_age_and_number_of_faces_years", "mae", "{:.1f} ({:,})"),
            ("bias_by_decade_of_age_and_number_of_faces_years", "bias", "{:+.1f} ({:,})"),
        )
    }


def _cell(part: Mapping[str, Any] | None, key: str, style: str) -> str | None:
    return None if part is None else style.format(part[key]["value"], part["faces"])


PEER = {
    "mae": "its_mae_years",
    "ours": "this_model_years",
    "difference": "this_model_less_the_package_years",
    "crop_mae": "its_mae_on_our_crops_years",
    "crop_difference": "this_model_less_that_years",
}


def _peers(document: Document) -> list[dict[str, Any]]:
    rows = [_peer(named(row["source"]), peer) for row in document["sources"] for peer in row["peers"]]
    return [*(_peer("mean of the sources", peer) for peer in document["mean"]), *rows]


def _peer(source: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": source,
        "package": row["peer"],
        "photos_answered": f"{row['answered']['value']:.0%}" if "answered" in row else "none",
        **_renamed(row, PEER),
    }


def _left_out(document: Document) -> list[dict[str, Any]]:
    names = {"faces": "faces", **WHOLE}
    return [
        {"source": named(row["source"]), **_renamed({"ratio": _ratio(row)} | row, names)}
        for row in document["sources"]
    ]


def _ratio(row: Mapping[str, Any]) -> float:
    return round(value_of(row["mae"]) / value_of(row["constant"]), 4)


def _site_calibration(document: Document) -> list[dict[str, Any]]:
    names = {"mae_years": "mae_years", "bias_years": "bias_years", "held": "inside_the_90%_range"}
    return [
        {
            "source": named(row["source"]),
            "reference_faces": round(row["fitted"]),
            "faces_judged": round(row["judged"]),
            **{
                f"{shown}_{when}": row[when][key]
                for key, shown in names.items()
                for when in ("without", "with")
                if row[when][key] is not None
            },
        }
        for row in document["rows"]
    ]


def value_of(figure: Any) -> float:
    """Return a figure that may come with an interval or without."""
    return float(figure["value"] if isinstance(figure, Mapping) else figure)


PORTRAITS = "portraits"
"""Never trained on, and the clearest photos: the source whose worst errors are bounded."""


def aims(measured: Measured) -> Iterator[Aim]:
    """Yield what was wanted of photos from anywhere, as far as it was measured."""
    if "sources" in measured:
        yield from _source_aims(measured["sources"])
    if "peers" in measured and measured["peers"]["mean"]:
        yield from _peer_aims(measured["peers"]["mean"])
    if "left_out" in measured:
        yield from _left_out_aims(measured["left_out"])
    if "site_calibration" in measured:
        yield from _site_calibration_aims(measured["site_calibration"])


def _source_aims(document: Document) -> Iterator[Aim]:
    rows = document["sources"]
    yield Aim("mean over sources: mean absolute error, years", document["mean"]["mae"]["value"], most=4.2)
    yield Aim("sources: largest bias either way, years", max(abs(r["bias"]["value"]) for r in rows), most=2)
    covered = [row["coverage"]["value"] for row in rows if "coverage" in row]
    if covered:
        yield Aim("sources: ages inside the 90% range, the least share", min(covered), least=0.86)
        yield Aim("sources: ages inside the 90% range, the largest share", max(covered), most=0.95)
    for row in rows:
        if row["source"] == PORTRAITS:
            yield Aim("studio portraits: error that 1% exceed, years", row["worst_1pc"]["value"], most=16)
    unequal = [row["women_over_men"]["value"] for row in rows if "women_over_men" in row]
    if unequal:
        yield Aim("sources: largest error of women over that of men", max(unequal), most=1.25)


def _peer_aims(means: Sequence[Mapping[str, Any]]) -> Iterator[Aim]:
    for key, how in (("difference", "as it comes"), ("crop_difference", "on our crops")):
        leads = [row[key]["value"] for row in means if key in row]
        if leads:
            yield Aim(f"mean over sources: largest lead of a free package {how}, years", max(leads), most=0)


def _left_out_aims(document: Document) -> Iterator[Aim]:
    rows = document["sources"]
    ratios = [_ratio(row) for row in rows]
    yield Aim("sources left out: error over the constant guess, mean", sum(ratios) / len(ratios), most=0.6)
    biases = [abs(value_of(row["bias"])) for row in rows]
    yield Aim("sources left out: largest bias either way, years", max(biases), most=3)
    covered = [value_of(row["coverage"]) for row in rows if row.get("coverage") is not None]
    if covered:
        yield Aim("sources left out: ages inside the 90% range, the least share", min(covered), least=0.85)


def _site_calibration_aims(document: Document) -> Iterator[Aim]:
    """Yield what half of FG-NET gives the other half, and what reference faces may cost UTKFace."""
    for row in document["rows"]:
        name, after = short(row["source"]), row["with"]
        if name == "fgnet":
            yield Aim("FG-NET with reference faces: mean absolute error, years", after["mae_years"], most=3.4)
            if after["held"] is not None:
                what = "FG-NET with reference faces: ages inside the 90% range, share"
                yield Aim(what, after["held"], least=0.86, most=0.94)
        elif name == "utkface":
            what = f"UTKFace with {round(row['fitted'])} reference faces: added error, years"
            yield Aim(what, round(after["mae_years"] - row["without"]["mae_years"], 4), most=0.05)


def out_of_scope(measured: Measured) -> list[str]:
    """Return what the figures by source forbid, in words."""
    if "sources" not in measured:
        return []
    rows = measured["sources"]["sources"]
    best, worst = (pick(rows, key=lambda row: row["mae"]["value"]) for pick in (min, max))
    young, old = (pick(rows, key=lambda row: row["bias"]["value"]) for pick in (min, max))
    return [
        "Out of scope: relying on the estimate for photos unlike any that were measured. By source, the mean "
        f"absolute error runs from {best['mae']['value']:.1f} years ({named(best['source'])}) to "
        f"{worst['mae']['value']:.1f} ({named(worst['source'])}), and the bias from "
        f"{young['bias']['value']:+.1f} ({named(young['source'])}) to {old['bias']['value']:+.1f} "
        f"({named(old['source'])}). Measure the model on your own reference faces first."
    ]
