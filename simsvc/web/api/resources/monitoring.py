"""/api/v1/monitoring: drift of inputs and results."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from simsvc.domain.model.drift import age_stability, energy_distance, outcome_stability
from simsvc.errors import PeriodRefused
from simsvc.store.desk.periods import Answers, Period
from simsvc.web.api.common.blueprint import Resource
from simsvc.web.api.common.schemas_inventory import Drift, DriftQuery
from simsvc.web.http.current import services

resource = Resource("monitoring", __name__, "Drift between two periods, from the records.")


@resource.get("/monitoring/drift")
@resource.arguments(DriftQuery, location="query")
@resource.response(200, Drift)
def drift(query: dict[str, datetime]) -> ResponseReturnValue:
    """Compare two periods: ages and outcomes by population stability index, embeddings by energy distance."""
    reference = _period(query["reference_since"], query["reference_before"])
    current = _period(query["current_since"], query["current_before"])
    first, second = services().periods.answers(reference), services().periods.answers(current)
    ages = age_stability(first.ages_years, second.ages_years)
    outcomes = outcome_stability(first.outcomes, second.outcomes)
    return jsonify(
        reference=_count(reference, first),
        current=_count(current, second),
        ages=asdict(ages) if ages else None,
        outcomes=asdict(outcomes) if outcomes else None,
        embeddings=_embeddings(reference, current),
    )


def _period(since: datetime, before: datetime) -> Period:
    if since >= before:
        raise PeriodRefused()
    return Period(since, before)


def _embeddings(reference: Period, current: Period) -> dict[str, Any] | None:
    periods = services().periods
    model_sha256 = periods.commonest_model(current)
    if model_sha256 is None:
        return None
    first, second = (periods.embeddings(period, model_sha256) for period in (reference, current))
    distance = energy_distance(first, second)
    if distance is None:
        return None
    return {
        "model_sha256": model_sha256,
        "reference": len(first),
        "current": len(second),
        "energy_distance": round(distance.energy, 6),
        "p_value": distance.p_value,
    }


def _count(period: Period, answers: Answers) -> dict[str, Any]:
    answered = {"estimated", "withheld"}
    return {
        "since": period.since.isoformat(timespec="milliseconds"),
        "before": period.before.isoformat(timespec="milliseconds"),
        "estimates": len(answers.outcomes),
        "refused": sum(outcome not in answered for outcome in answers.outcomes),
    }
