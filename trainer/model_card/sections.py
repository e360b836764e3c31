"""The card's words: what the model is, what it is for, and what it must not be used for.

Layout: Model Card Toolkit, model card schema v0.0.2 (github.com/tensorflow/model-card-toolkit); its
`performance_metrics` are rows of one slice with all its figures, so that people can read them as a table.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from simsvc.adapters.inference.bundle import Bundle
from simsvc.errors import SettingsError
from trainer.model_card import sources as card_sources
from trainer.model_card.analysis import Measured, quantitative
from trainer.model_card.measured import MEASUREMENTS
from trainer.model_card.run import Run
from trainer.model_card.sources import named
from trainer.model_card.words import DOUBTS, INITIAL, LABELS, PHOTOS, TERMS
from trainer.training.recipes import recipe as recipes

SCHEMA = "0.0.2"
TEACHING = ("teachers", "mixture", "distil")  # Entries of a recipe that tell of teachers


def card(bundle: Bundle, run: Run, measured: Measured, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return model_card.json; `without` names what was left out on purpose."""
    return {
        "schema_version": SCHEMA,
        "model_details": _details(bundle),
        "model_parameters": _parameters(bundle, run, measured),
        "quantitative_analysis": quantitative(measured, run),
        "considerations": _considerations(measured, without),
    }


def _details(bundle: Bundle) -> dict[str, Any]:
    sources = bundle.raw.get("training", {}).get("sources", [])
    return {
        "name": bundle.name,
        "overview": "Estimates the age of one face in a photo, with a range that is meant to hold the true "
        "age in nine cases of ten, and finds the most similar reference faces, which explain it.",
        "documentation": "The README of simsvc; how each figure is measured: `make measure`, "
        "`python -m trainer COMMAND --help`.",
        "owners": [{"name": "the simsvc team"}],
        "version": {"name": bundle.version, "sha256": bundle.sha256},
        "licenses": [
            {"name": "code", "description": "Apache-2.0"},
            *({"name": "weights", "description": _terms(source)} for source in sources),
        ],
        "references": [
            "Zhang, Song and Qi, Age Progression/Regression by Conditional Adversarial Autoencoder, "
            "CVPR 2017 (UTKFace)",
            "Gao et al., Age Estimation Using Expectation of Label Distribution Learning, IJCAI 2018",
            "Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, section 4.5 "
            "(intervals)",
            "Rothman, Greenland and Lash, Modern Epidemiology, 3rd edition, 2008, chapter 3",
            "Mitchell et al., Model Cards for Model Reporting, FAT* 2019",
            "Regulation (EU) 2024/1689 (AI Act), Annex III, point 5 (c)",
        ],
    }


def _terms(source: str) -> str:
    reader, _, name = source.partition(":")
    return TERMS.get(name or reader, f"{source}: known to whoever trained on it")


def _parameters(bundle: Bundle, run: Run, measured: Measured) -> dict[str, Any]:
    arch, recipe = bundle.raw["arch"], run.result["recipe"]
    architecture = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in arch.items())
    side, embedding = bundle.size_px, f"embedding of {bundle.dims} numbers from {bundle.raw['layer']}"
    return {
        "model_architecture": f"{architecture}; {embedding}",
        "initial_weights_and_teachers": initial_weights(recipe),
        "data": [_data(source, run) for source in run.result["sources"]],
        "data_audit": _audit(measured["data_audit"]) if "data_audit" in measured else None,
        "recipe": {key: _named(value) for key, value in run.recipe.items()},
        "input_format": f"float32 (N, 3, {side}, {side}): RGB crops around the detector's box, its longer "
        f"side times {bundle.margin:g}, less mean over deviation by channel",
        "output_format": f"float32 (N,) ages in years; float32 (N, {bundle.dims}) embeddings of unit length",
    }


def initial_weights(recipe: Mapping[str, Any]) -> list[str]:
    """Return what the weights began from and what taught them, by the recipe's own entries.

    Of a recipe that goes on from another, the shipped recipe of that name says where it all began; of parts
    joined, each tells its own.
    """
    if parts := str(recipe.get("parts", "")):
        names = [name.strip() for name in parts.split(",")]
        told = {name: initial_weights(recipes.load(name).as_dict()) for name in names}
        return [f"{name}: {line}" for name, lines in told.items() for line in lines]
    if recipe.get("corrects"):
        begun = f"{_published(str(recipe['body']))}; only its age scores were offset, fitted on known ages"
        return [f"initial weights: {begun}", "no teacher"]
    weights, body = str(recipe["weights"]), str(recipe["body"])
    if recipe.get("goes_on"):
        earlier = str(recipe["goes_on"])
        first = initial_weights(recipes.load(earlier).as_dict())[0].removeprefix("initial weights: ")
        begun = f"the run of {earlier}, which began from {first}"
    elif weights == "none":
        begun = "random"
    elif weights == "pretrained":
        begun = _published(body)
    else:
        begun = f"an earlier run of this trainer, {_named(weights)}"
    teachers = [
        f"{key.replace('_', ' ')}: {_named(value)}"
        for key, value in recipe.items()
        if key in TEACHING and value not in ("", "none", 0, None, [])
    ]
    teachers += _teachers_began(str(recipe.get("teachers", "")))
    return [f"initial weights: {begun}", *(teachers or ["no teacher"])]


def _teachers_began(names: str) -> list[str]:
    """Return what the teachers that have a shipped recipe began from, each body once."""
    began: dict[str, None] = {}
    for name in filter(None, names.split(",")):
        with contextlib.suppress(SettingsError):
            teacher = recipes.load(name.strip())
            if teacher.weights == "pretrained":
                began[_published(teacher.body)] = None
    return [f"initial weights of teachers: {words}" for words in began]


def _published(body: str) -> str:
    return INITIAL.get(body, f"published weights of {body}")


def _named(value: object) -> object:
    """Return a value, of a path only its last part: a card names no folder of somebody's machine."""
    return PurePath(value).name if isinstance(value, str) and "/" in value else value


def _data(source: str, run: Run) -> dict[str, Any]:
    faces = run.result["faces"]
    return {
        "source": source,
        "faces_to_learn_from": run.result.get("learnt_from", faces["train"]),
        "faces_to_choose_by": faces["valid"],
        "faces_to_report_on": faces["test"],
        "terms": _terms(source),
        "sensitive": LABELS,
    }


def _audit(audit: Mapping[str, Any]) -> dict[str, Any]:
    pairs, splits = audit["near_duplicates"], audit["split_by_decade"].items()
    shown = ("pairs", "photos", "mean_difference_years", "far_apart_share")
    looks = {"what_the_faces_look_like": [_look(row) for row in audit["looks"]]} if audit.get("looks") else {}
    return {
        "photos": audit["photos"],
        "by_source": {named(source): count for source, count in audit["by_source"].items()},
        "by_gender": audit["by_gender"],
        "by_group": audit["by_group"],
        "near_duplicates": {key: pairs.get(key) for key in shown},
        "near_duplicates_across_sources": pairs.get("across_sources"),
        **looks,
        "photos_by_age": [
            {"age": decade, **{split: counts[decade] for split, counts in splits}}
            for decade in audit["by_decade"]
        ],
    }


def _look(row: Mapping[str, Any]) -> dict[str, Any]:
    names = {"age_years": "ages_years", "luminance": "brightness"}
    shown = {
        names.get(key, key): {"value": row[key]["middle"], "low": row[key]["low"], "high": row[key]["high"]}
        for key in ("age_years", "face_px", "sharpness", "luminance")
        if row[key]
    }
    return {
        "source": named(row["source"]),
        "photos": row["photos"],
        **shown,
        "grey_share": row["grey"],
        **{f"model_{name}_years": row["model"][name] for name in ("mae", "bias") if name in row["model"]},
    }


def _considerations(measured: Measured, without: tuple[str, ...]) -> dict[str, Any]:
    return {
        "users": _said(
            "Trained life-insurance underwriters, who judge an application themselves.",
            "Auditors and developers, who measure and improve the model.",
        ),
        "use_cases": _said(
            "Intended: to support a trained underwriter's own decision whether a declared age is "
            "plausible. A person oversees every estimate, sees the evidence and may overrule it. "
            "Risk assessment and pricing in life insurance is high-risk use (EU AI Act, Annex III, "
            "point 5 (c)).",
            "Out of scope: identifying a person; saying that two photos show the same one.",
            "Out of scope: accepting, refusing or pricing anyone by the estimate alone.",
            "Out of scope: protecting children, selling by age limit, border, asylum or police work.",
            *card_sources.out_of_scope(measured),
            "Out of scope: emotion, health, gender, origin or any other trait of a person.",
        ),
        "limitations": _said(*_limits(measured, without)),
        "tradeoffs": _said(*_tradeoffs(measured)),
        "ethical_considerations": [
            {"risk": "Errors differ between groups and ages.", "mitigation": _unequal(measured)},
            {"risk": "An estimate is taken for a fact.", "mitigation": DOUBTS},
            {"risk": "Labels of gender and group are sensitive.", "mitigation": LABELS},
            {"risk": "Faces were photographed for other ends.", "mitigation": PHOTOS},
        ],
    }


def _said(*texts: str) -> list[dict[str, str]]:
    return [{"description": text} for text in texts]


def _limits(measured: Measured, without: tuple[str, ...]) -> list[str]:
    tables = {table["part"]: table for table in measured["test"]["tables"]}
    texts = [_label_noise(measured.get("data_audit"))]
    if "age 80+" in tables:
        old = tables["age 80+"]
        texts.append(
            f"From 80 years up there were {old['faces']} test faces: mean absolute error "
            f"{old['mae']['value']:.1f} years, bias {old['bias']['value']:+.1f} years."
        )
    few = [part for part in tables if part.startswith("group ") and tables[part]["faces"] < FEW_FACES]
    if few:
        texts.append(f"Few test faces, so uncertain figures: {', '.join(few)}.")
    texts += [
        "Makeup, beards, glasses, filters, retouching, illness and surgery change how old a face looks; none "
        "of these was measured on its own.",
        "The training photos were collected from the web, so public figures and posed portraits are common, "
        "and groups are coarse, as guessed by others.",
        "One face, near frontal, is estimated; photos with none or several are refused.",
    ]
    left = [f"{name} (`python -m trainer {MEASUREMENTS[name].command}`)" for name in without]
    return [*texts, *([f"Not measured for this card: {', '.join(left)}."] if left else [])]


FEW_FACES = 200  # with fewer the MAE's standard error is over 5%: 76% / sqrt(200), see `fairness.LEAST_FACES`


def _label_noise(audit: Mapping[str, Any] | None) -> str:
    noise = (
        "Labels are noisy: the ages of UTKFace were themselves estimated by a model and checked by a person."
    )
    pairs = (audit or {}).get("near_duplicates", {})
    if pairs.get("mean_difference_years") is None:
        return noise
    return (
        f"{noise} {pairs['pairs']:,} pairs of near-duplicate photos have labels that differ by "
        f"{pairs['mean_difference_years']:.1f} years on average, {pairs['far_apart_share']:.0%} of them by "
        "more than 5 years. No figure here can be better than the labels."
    )


def _tradeoffs(measured: Measured) -> list[str]:
    texts = ["A range that holds its promise for rare ages is wider for common ones."]
    if "coverage" in measured:
        everyone = measured["coverage"]["parts"][0]
        texts.append(
            f"The 90% range is {everyone['mean_width_years']:.0f} years wide on average: that is what one "
            "photo can tell."
        )
    if "withheld" in measured:
        texts.append("Withholding more estimates lowers the error of the rest; the plot shows how much.")
    return texts


def _unequal(measured: Measured) -> str:
    groups = measured["test"]["fairness"]["groups"]
    if not groups["gap"]:
        return "Measured by group, gender and decade of age; see the figures."
    text = f"The largest mean absolute error of a group is {groups['gap']['value']:.2f} times the least"
    if groups["standardised_gap"]:
        text += f", {groups['standardised_gap']['value']:.2f} times with the groups' ages made alike"
    if groups.get("gap_of_ages"):
        text += f"; a model with the same error at every age for all would have {groups['gap_of_ages']:.2f}"
    return f"{text}. See the figures by group, gender and decade before any use."
