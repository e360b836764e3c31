"""/api/v1/estimates/{id}/decisions: decisions on an estimate."""

from __future__ import annotations

from typing import Any

from flask import jsonify, url_for
from flask.typing import ResponseReturnValue

from simsvc.domain.desk.decisions import checked_decision
from simsvc.domain.estimate.output.serialize import describe_decision
from simsvc.errors import DecisionRefused
from simsvc.store.database import InTransaction
from simsvc.values import Decision as MadeDecision
from simsvc.web.api.common.blueprint import IN_PATH, Resource
from simsvc.web.api.common.idempotency import PARAMETER, idempotent, request_key
from simsvc.web.api.common.schemas import Decision, Decisions, NewDecision
from simsvc.web.http.current import services
from simsvc.web.security.scopes import program

resource = Resource("decisions", __name__, "Decisions on estimates. Decisions are added, never changed.")


@resource.post("/estimates/<public_id>/decisions", parameters=[IN_PATH])
@resource.arguments(NewDecision)
@resource.doc(parameters=[PARAMETER])
@resource.response(201, Decision)
def create(sent: dict[str, Any], public_id: str) -> ResponseReturnValue:
    """Record a decision; an override needs an age and a reason, need_more a note."""
    recorded, stored = services().estimates.find(public_id), services().decisions
    age = "" if sent["age_years"] is None else str(sent["age_years"])
    draft = checked_decision(sent["kind"], age, sent["reason"], sent["note"], recorded.estimate)

    def make(in_transaction: InTransaction | None) -> MadeDecision:
        return stored.add(public_id, draft, program().actor, sent["after"], services().now(), in_transaction)

    def again(result: str) -> MadeDecision:
        number = int(result.rpartition("/")[2])
        found = [made for made in stored.of(public_id) if made.number == number]
        if not found:
            raise DecisionRefused("gone")
        return found[0]

    made = idempotent(request_key(lambda: sent), make, again)
    location = url_for("api_decisions.list_all", public_id=public_id)
    return jsonify(describe_decision(made)), 201, {"Location": location}


@resource.get("/estimates/<public_id>/decisions", parameters=[IN_PATH])
@resource.response(200, Decisions)
def list_all(public_id: str) -> ResponseReturnValue:
    """List the decisions on an estimate, newest first."""
    services().estimates.find(public_id)
    return jsonify(items=[describe_decision(made) for made in services().decisions.of(public_id)])
