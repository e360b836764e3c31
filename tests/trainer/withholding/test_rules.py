from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from simsvc.domain.estimate.interval import Band, Calibration
from simsvc.domain.estimate.rules import SUPPORT_AT_LEAST, Rules, parse_rules
from simsvc.domain.photo.quality import LIMITS, SIDE_PX, quality_flags
from simsvc.values import Quality
from trainer.datasets.degrade import Degradation
from trainer.evaluation.judging import Judged
from trainer.withholding import tradeoff
from trainer.withholding.rules import CAUSES, CLEAN, Measured, choose, entries, joined, measured

SHA = "ab" * 32
CALIBRATION = Calibration("m", 0.9, SHA, "s", "valid", 9, (Band(0.0, -10.0, 10.0, 9),))
PLAIN = Quality(100.0, 120.0, 0.0, 0.0, 200.0, 0.0, 0.0, 0.5, 0, 0.0, 0.0, 0.3, 0.95)


def part(
    kind: str, qualities: list[Quality | None], errors_years: NDArray[np.float64], support: float = 0.5
) -> Measured:
    """Return faces of 40 years with given qualities (None: refused) and errors."""
    count = len(qualities)
    estimates = np.where([found is None for found in qualities], np.nan, 40.0 + errors_years)
    outcomes = tuple("no_face" if found is None else "estimated" for found in qualities)
    doubts, embeddings = np.full(count, np.nan), np.zeros((count, 2), dtype=np.float32)
    judged = Judged(outcomes, tuple(qualities), estimates, doubts, embeddings)
    shares = np.where(judged.estimated, support, np.nan)
    return measured(kind, judged, shares, np.full(count, 40.0), CALIBRATION)


def errors(count: int, years: float, seed: int = 0) -> NDArray[np.float64]:
    """Return errors of that MAE, about: half up, half down."""
    random = np.random.default_rng(seed)
    signs: NDArray[np.int64] = random.choice([-1, 1], count)
    return signs * random.uniform(0.5, 1.5, count) * years


def clean(count: int = 1000) -> Measured:
    """Return faces with errors of 4 years on average, whatever their sharpness of 60 to 140."""
    sharp = np.linspace(60, 140, count)
    return part(CLEAN, [replace(PLAIN, sharpness=float(s)) for s in sharp], errors(count, 4))


def blurred(years: float, low: float = 1.0, high: float = 40.0, count: int = 300) -> Measured:
    sharp = np.linspace(low, high, count)
    qualities: list[Quality | None] = [replace(PLAIN, sharpness=float(s)) for s in sharp]
    return part("blur", qualities, errors(count, years, 1))


def by_level(parts: list[Measured]) -> dict[tuple[str, str], float]:
    return {(entry["level"], entry["name"]): entry["bound"] for entry in choose(parts, {})}


def test_harmless_copies_call_for_no_bound() -> None:
    """However blurred, copies that are judged as well as the others are neither flagged nor withheld."""
    assert by_level([clean(), blurred(4)]) == {}


def test_two_degrees_of_harm_give_two_bounds() -> None:
    """Where errors are larger but ranges hold a flag is enough; where ranges fail it is withheld."""
    found = by_level([clean(), blurred(20, 1, 20), blurred(6, 20.1, 40)])
    assert set(found) == {("quality", "sharpness_at_least"), ("withhold", "sharpness_at_least")}
    assert 18 < found["withhold", "sharpness_at_least"] <= 20.1
    assert 38 < found["quality", "sharpness_at_least"] <= 60


def test_few_undegraded_faces_are_met() -> None:
    """Where every face would be harmed a bound still meets at most its share of undegraded ones."""
    everyone = clean()
    worst = np.argsort([found.sharpness if found else 0 for found in everyone.judged.qualities])[:400]
    bad = everyone.errors_years.copy()
    bad[worst] *= 6
    harmed = part(CLEAN, list(everyone.judged.qualities), bad)
    shares = {(entry["level"], entry["name"]): entry["clean_share"] for entry in choose([harmed], {})}
    assert shares == {("quality", "sharpness_at_least"): 0.02, ("withhold", "sharpness_at_least"): 0.01}


def test_only_the_kinds_a_measure_should_notice_are_blamed_on_it() -> None:
    """Harm by occlusion says nothing about sharpness, even where covered faces are less sharp."""
    occluded = replace(blurred(20), kind="occluded")
    assert by_level([clean(), occluded]) == {}


def test_refused_copies_decide_nothing() -> None:
    """A photo without an estimate has no error, and no measure counts it."""
    refused = part("blur", [None] * 300, np.zeros(300))
    assert by_level([clean(), refused]) == {}


def test_support_withholds_and_never_beyond_its_flag() -> None:
    """Little support is a reason to withhold where errors are large, up to what the service flags."""
    far = replace(blurred(20, 60, 140), kind="occluded", support=np.linspace(0, 0.1, 300))
    found = by_level([clean(), far])
    assert found == {("withhold", "support_at_least"): 0.01}


def test_equal_values_fall_on_one_side() -> None:
    """Faces of one and the same value are all met by a bound, or none is."""
    qualities: list[Quality | None] = [replace(PLAIN, sharpness=5.0)] * 150
    tied = part("blur", qualities, errors(150, 20))
    (flag, withhold) = choose([clean(), tied], {})
    assert flag["faces"] == withhold["faces"] == 150


@pytest.mark.parametrize("name", list(LIMITS))
def test_more_badness_is_what_the_service_flags(name: str) -> None:
    """Of two faces the one that the service flags at the other's value is the worse one."""
    limit = LIMITS[name]
    good = getattr(PLAIN, limit.attribute)
    for step in (-0.25, 0.25):
        other = replace(PLAIN, **{limit.attribute: good + step})
        plain, changed = part(CLEAN, [PLAIN, other], np.zeros(2)).badness(name)
        assert (changed > plain) == bool(quality_flags(other, {name: abs(good)}))


def test_every_measure_has_its_causes() -> None:
    """All that model.json may bound is looked at."""
    assert set(CAUSES) == {*LIMITS, SUPPORT_AT_LEAST}


def test_the_entries_are_what_the_service_reads() -> None:
    """The two entries of model.json load as rules of this model, and of no other."""
    far = replace(blurred(20, 60, 140), kind="occluded", support=np.zeros(300))
    raw = entries(choose([clean(), blurred(20), far], {}), "somewhere", SHA, 1234)
    rules = parse_rules(raw, SHA)
    assert set(rules.thresholds) == {"sharpness_at_least"}
    assert set(rules.withhold_beyond) == {"sharpness_at_least", "support_at_least"}
    assert rules.gallery_faces == 1234
    assert raw["quality"]["side_px"] == rules.quality_px == SIDE_PX
    assert raw["withhold"]["model_sha256"] == SHA


def test_bounds_of_many_sources_are_taken_as_they_are() -> None:
    """A stated bound replaces the one that these faces would call for."""
    stated = {"quality": {"sharpness_at_least": 4.0}, "withhold": {"sharpness_at_least": 3.0}}
    found = {(row["level"], row["name"]): row["bound"] for row in choose([clean(), blurred(20)], stated)}
    assert found["quality", "sharpness_at_least"] == 4.0
    assert found["withhold", "sharpness_at_least"] == 3.0


def test_coverage_is_that_of_the_calibrated_range() -> None:
    """A label at the range's end lies in it, one beyond does not, and a refused photo has no range."""
    qualities: list[Quality | None] = [PLAIN, PLAIN, None]
    faces = part(CLEAN, qualities, np.array([10.0, 10.1, 0.0]))
    assert faces.covered.tolist() == [True, False, False]


def test_withholding_the_most_severe_lowers_the_error() -> None:
    """Of clean and blurred faces together the blurred go first; at 0% everything estimated is answered."""
    parts = [clean(), blurred(20)]
    severity, mixed = tradeoff.Severity(parts), joined("mixed", [clean(300), blurred(20, count=100)])
    rows = tradeoff.trade(severity.order(mixed), tradeoff.errors(mixed))
    assert [row["withheld"] for row in rows] == list(tradeoff.SHARES)
    values = [row["mae"]["value"] for row in rows]
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(np.abs(mixed.errors_years).mean(), abs=1e-3)
    assert severity.order(mixed)[-100:].min() >= 300


def test_what_becomes_of_photos_under_the_bounds() -> None:
    """Shares are of all photos, figures of those answered or withheld; a withheld one is flagged too."""
    faces, rules = blurred_and_ruled()
    _, row = tradeoff.degraded_table([(Degradation("blur", 2), faces)], rules, clean(10))
    assert row["kind"] == "blur"
    assert (row["refused"], row["withheld"], row["flagged"]) == (0.25, 0.25, 0.5)
    assert row["answered_figures"]["mae"]["value"] == 4.0
    assert row["withheld_figures"]["mae"]["value"] == 20.0
    assert row["withheld_figures"]["coverage"]["value"] == 0.0


def blurred_and_ruled() -> tuple[Measured, Rules]:
    """Return four photos, of which one is refused, one withheld and one flagged, and the rules for it."""
    rules = Rules(thresholds={"sharpness_at_least": 50}, withhold_beyond={"sharpness_at_least": 20})
    qualities = [None, *(replace(PLAIN, sharpness=float(s)) for s in (10, 30, 90))]
    return part("blur", qualities, np.array([0.0, 20.0, 6.0, 2.0])), rules


def test_what_becomes_of_each_part() -> None:
    """Parts have shares of their own photos, and figures only where some were answered."""
    faces, rules = blurred_and_ruled()
    shares = tradeoff.by_part(faces, rules, [["a", "a", "b", ""]])
    assert [(entry["part"], entry["withheld"], entry["flagged"], entry["answered"]) for entry in shares] == [
        ("a", 0.5, 0.5, 0),
        ("b", 0.0, 1.0, 1),
    ]
    assert shares[0]["answered_figures"] is None
    assert {name: shares[1]["answered_figures"][name]["value"] for name in ("mae", "bias")} == {
        "mae": 6.0,
        "bias": 6.0,
    }
