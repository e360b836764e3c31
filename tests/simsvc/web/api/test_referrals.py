from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.values import User
from simsvc.wiring.services import Services
from tests.simsvc.web.programs import program
from tests.simsvc.web.records import recorded
from tests.simsvc.web.signed_in import account

V1 = "/api/v1"


@pytest.fixture
def ann(app: Flask) -> User:
    return account(app, "underwriter", "api ann")


def own_program(app: Flask) -> tuple[FlaskClient, str]:
    """Return a program that may only estimate, and the name by which records know it."""
    services: Services = app.extensions["simsvc"]
    client = program(app, "estimate")
    return client, services.token_book.all()[0].actor


def test_a_program_sends_reads_and_comments(app: Flask, ann: User) -> None:
    """The decision `refer` goes with it; the referral is found by its record, with its comments."""
    client, actor = own_program(app)
    record = recorded(app, actor)
    wanted = {"assignee": ann.id, "due": "2100-01-02", "comment": "look", "note": "blurred"}
    made = client.post(f"{V1}/estimates/{record}/referrals", json=wanted)
    assert made.status_code == 201
    referral = made.get_json()
    assert made.headers["Location"] == f"{V1}/referrals/{referral['id']}"
    assert (referral["assignee"], referral["due"], referral["state"]) == (ann.id, "2100-01-02", "open")
    said = client.post(f"{V1}/referrals/{referral['id']}/comments", json={"text": "second photo follows"})
    assert [one["text"] for one in said.get_json()["comments"]] == ["look", "second photo follows"]
    found = client.get(f"{V1}/referrals?estimate={record}&state=open").get_json()["items"]
    assert found == [client.get(f"{V1}/referrals/{referral['id']}").get_json()]
    decisions = client.get(f"{V1}/estimates/{record}/decisions").get_json()["items"]
    assert [(one["kind"], one["note"]) for one in decisions] == [("refer", "blurred")]


def test_only_administration_answers_and_returns_for_people(app: Flask, ann: User) -> None:
    """A token that estimates is refused in words; one of the scope admin answers by a decision."""
    client, actor = own_program(app)
    record = recorded(app, actor)
    sent = client.post(f"{V1}/estimates/{record}/referrals", json={"assignee": ann.id}).get_json()
    path, decision = f"{V1}/referrals/{sent['id']}", {"kind": "accept", "after": 1}
    for step, body in (("answer", decision), ("return", {"comment": "why?"})):
        refused = client.post(f"{path}/{step}", json=body)
        assert (refused.status_code, refused.get_json()["code"]) == (422, "referral_refused")
    admin = program(app, "admin")
    stale = admin.post(f"{path}/answer", json={**decision, "version": 9})
    assert (stale.status_code, stale.get_json()["code"]) == (409, "referral_changed")
    assert admin.post(f"{path}/answer", json=decision).get_json()["number"] == 2
    assert client.get(path).get_json()["state"] == "answered"
    assert admin.post(f"{path}/return", json={"comment": "x"}).get_json()["code"] == "referral_refused"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "referral_refused"),
        ({"assignee": "0" * 32}, 422, "referral_refused"),
        ({"team": "no such team"}, 422, "referral_refused"),
        ({"team": "a", "assignee": "0" * 32}, 422, "input_refused"),
        ({"assignee": "x"}, 422, "input_refused"),
        ({"due": "2020-13-01"}, 422, "input_refused"),
        ({"second_opinion": "yes"}, 422, "input_refused"),
    ],
)
def test_a_wrong_referral_is_refused(app: Flask, body: dict[str, object], status: int, code: str) -> None:
    """The code says what is wrong, and nothing is recorded."""
    client, actor = own_program(app)
    record = recorded(app, actor)
    answer = client.post(f"{V1}/estimates/{record}/referrals", json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert client.get(f"{V1}/estimates/{record}/decisions").get_json()["items"] == []


def test_referrals_of_records_of_others_do_not_exist(app: Flask, ann: User) -> None:
    """A token that estimates neither lists nor finds them, and sends no record that it did not make."""
    (owner, actor), other = own_program(app), program(app, "estimate")
    record = recorded(app, actor)
    sent = owner.post(f"{V1}/estimates/{record}/referrals", json={"assignee": ann.id}).get_json()
    again = owner.post(f"{V1}/estimates/{record}/referrals", json={"assignee": ann.id, "after": 1})
    assert (again.status_code, again.get_json()["code"]) == (409, "referral_exists")
    assert other.get(f"{V1}/referrals/{sent['id']}").status_code == 404
    assert other.get(f"{V1}/referrals").get_json()["items"] == []
    assert other.post(f"{V1}/estimates/{record}/referrals", json={"assignee": ann.id}).status_code == 404
    assert program(app, "audit").get(f"{V1}/referrals/{sent['id']}").status_code == 200


def test_pages_of_referrals_follow_each_other(app: Flask, ann: User) -> None:
    """Every one once, newest first, by cursors."""
    client, actor = own_program(app)
    sent = []
    for _ in range(3):
        record = recorded(app, actor)
        made = client.post(f"{V1}/estimates/{record}/referrals", json={"assignee": ann.id})
        sent.append(made.get_json()["id"])
    first = client.get(f"{V1}/referrals?limit=2").get_json()
    rest = client.get(f"{V1}/referrals?limit=2&cursor={first['next']}").get_json()
    assert [one["id"] for one in first["items"] + rest["items"]] == sent[::-1]
    assert rest["next"] is None
