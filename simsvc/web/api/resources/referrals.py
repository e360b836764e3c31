"""/api/v1/referrals: send records to people and teams, comment, answer and return."""

from __future__ import annotations

from typing import Any

from flask import jsonify, url_for
from flask.typing import ResponseReturnValue

from simsvc.domain.desk.decisions import checked_decision
from simsvc.domain.desk.referrals import PERSON, TEAM
from simsvc.domain.estimate.output.serialize import describe_decision
from simsvc.values.referrals import Referral as FoundReferral
from simsvc.values.referrals import ReferralComment
from simsvc.web.api.common.blueprint import IN_PATH, Resource, in_path
from simsvc.web.api.common.cursors import Cursors
from simsvc.web.api.common.schemas import Decision
from simsvc.web.api.common.schemas_referrals import (
    NewAnswer,
    NewComment,
    NewReferral,
    Referral,
    ReferralPage,
    ReferralQuery,
    Return,
)
from simsvc.web.http.current import services
from simsvc.web.security.readers import party_of_token
from simsvc.web.security.scopes import program

resource = Resource("referrals", __name__, "Records sent to people and teams for review.")

REFERRAL_IN_PATH = in_path("referral_id", "^[0-9a-f]{32}$")


@resource.post("/estimates/<public_id>/referrals", parameters=[IN_PATH])
@resource.arguments(NewReferral)
@resource.response(201, Referral)
def create(sent: dict[str, Any], public_id: str) -> ResponseReturnValue:
    """Send a record for review, or for a second opinion.

    A referral for review also records the decision `refer`. One for a second opinion leaves the current
    decision as it is; the addressee sees no decision of others before recording her own.
    """
    services().estimates.find(public_id)
    desk, party = services().referral_desk(), party_of_token(program())
    to = f"{TEAM}{sent['team']}" if sent["team"] else f"{PERSON}{sent['assignee'] or ''}"
    due = sent["due"].isoformat() if sent["due"] else ""
    draft = desk.draft(to, due, sent["comment"], party, second_opinion=sent["second_opinion"])
    referral = desk.send(public_id, draft, sent["note"], party, sent["after"])
    location = url_for("api_referrals.show", referral_id=referral.id)
    return jsonify(_described(referral)), 201, {"Location": location}


@resource.get("/referrals")
@resource.arguments(ReferralQuery, location="query")
@resource.response(200, ReferralPage)
def list_all(query: dict[str, Any]) -> ResponseReturnValue:
    """List referrals of the records that the token sees, newest first, with their comments."""
    limit, cursor = query.pop("limit"), query.pop("cursor", None)
    cursors, store = Cursors(services().secret_key(), {"list": "referrals", **query}), services().referrals
    wanted = (query.get("state", ""), query.get("estimate", ""))
    rows = store.older(*wanted, cursors.read(cursor), limit + 1)
    shown = rows[:limit]
    comments = store.comments([referral.id for _, referral in shown])
    items = [_describe(referral, comments.get(referral.id, [])) for _, referral in shown]
    return jsonify(items=items, next=cursors.write(shown[-1][0] if len(rows) > limit else None))


@resource.get("/referrals/<referral_id>", parameters=[REFERRAL_IN_PATH])
@resource.response(200, Referral)
def show(referral_id: str) -> ResponseReturnValue:
    """Read a referral with its comments."""
    return jsonify(_described(services().referrals.find(referral_id)))


@resource.post("/referrals/<referral_id>/comments", parameters=[REFERRAL_IN_PATH])
@resource.arguments(NewComment)
@resource.response(201, Referral)
def comment(sent: dict[str, Any], referral_id: str) -> ResponseReturnValue:
    """Comment on a referral; for its sender, the person or team it was sent to, and the scope `admin`."""
    party, desk = party_of_token(program()), services().referral_desk()
    return jsonify(_described(desk.step(referral_id, "comment", party, comment=sent["text"]))), 201


@resource.post("/referrals/<referral_id>/answer", parameters=[REFERRAL_IN_PATH])
@resource.arguments(NewAnswer)
@resource.response(201, Decision)
def answer(sent: dict[str, Any], referral_id: str) -> ResponseReturnValue:
    """Answer a referral with a decision on its record.

    Referrals go to people, so a program needs the scope `admin` to answer for them.
    """
    desk = services().referral_desk()
    recorded = services().estimates.find(desk.book.find(referral_id).estimate_id)
    age = "" if sent["age_years"] is None else str(sent["age_years"])
    draft = checked_decision(sent["kind"], age, sent["reason"], sent["note"], recorded.estimate)
    made = desk.answer(referral_id, draft, party_of_token(program()), sent["after"], sent["version"])
    location = url_for("api_decisions.list_all", public_id=recorded.id)
    return jsonify(describe_decision(made)), 201, {"Location": location}


@resource.post("/referrals/<referral_id>/return", parameters=[REFERRAL_IN_PATH])
@resource.arguments(Return)
@resource.response(200, Referral)
def give_back(sent: dict[str, Any], referral_id: str) -> ResponseReturnValue:
    """Return a referral to its sender, saying why; as for an answer, a program needs the scope `admin`."""
    party, desk = party_of_token(program()), services().referral_desk()
    done = desk.step(referral_id, "return", party, version=sent["version"], comment=sent["comment"])
    return jsonify(_described(done))


def _described(referral: FoundReferral) -> dict[str, Any]:
    return _describe(referral, services().referrals.comments([referral.id]).get(referral.id, []))


def _describe(referral: FoundReferral, comments: list[ReferralComment]) -> dict[str, Any]:
    return {
        "id": referral.id,
        "estimate": referral.estimate_id,
        "state": referral.state,
        "sent_by": referral.sent_by,
        "assignee": referral.assignee,
        "team": referral.team,
        "second_opinion": referral.second_opinion,
        "due": referral.due_on.isoformat() if referral.due_on else None,
        "version": referral.version,
        "created_at": referral.created_at.isoformat(),
        "closed_at": referral.closed_at.isoformat() if referral.closed_at else None,
        "comments": [
            {"by": one.written_by, "text": one.text, "created_at": one.created_at.isoformat()}
            for one in comments
        ],
    }
