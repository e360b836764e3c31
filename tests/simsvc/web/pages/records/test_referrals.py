"""Referrals on the pages: sent, taken, answered, returned, and what each of the two people sees."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from simsvc.values import Role, User
from simsvc.wiring.services import Services
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.records import recorded
from tests.simsvc.web.signed_in import account, client_of

SECRET_NOTE = "the passport says otherwise"  # noqa: S105 - a note that must not be seen


def person(app: Flask, name: str, team: str | None = None, role: Role = "underwriter") -> User:
    services: Services = app.extensions["simsvc"]
    return services.users.set_contact(account(app, role, name).id, team, None)


def browser(app: Flask, name: str, team: str | None = None) -> tuple[FlaskClient, User]:
    user = person(app, name, team)
    return client_of(app, user), user


def new_record(app: Flask, by: User) -> str:
    """Return the address of a record that this person requested."""
    return f"/estimates/{recorded(app, by)}"


def send(client: FlaskClient, record: str, to: str, **fields: str) -> TestResponse:
    return client.post(f"{record}/decisions", data={"kind": "refer", "refer_to": to, "after": "0", **fields})


def waiting(client: FlaskClient) -> str | None:
    """Return the number at the link to the referrals, or None."""
    found = re.search(
        r'href="/referrals"[^>]*>Referrals\s*<span class="nav-count">(\d+)<', client.get("/").text
    )
    return found[1] if found else None


def act(client: FlaskClient, desk: Services, record: str, step: str, **fields: str) -> TestResponse:
    referral = desk.referrals.of(record.rpartition("/")[2])[0]
    return client.post(f"/referrals/{referral.id}/{step}", data={"version": "1", **fields})


def test_a_record_is_sent_and_answered(app: Flask, desk: Services) -> None:
    """The other person sees it with its comment, decides, and the sender sees her answer."""
    (sender, me), (reviewer, her) = browser(app, "s1"), browser(app, "r1")
    record = new_record(app, me)
    assert reviewer.get(record).status_code == 404
    answer = send(sender, record, f"user:{her.id}", refer_comment="look <b>here</b>", due="2100-01-02")
    assert answer.status_code == 303
    page = reviewer.get(record).text
    assert "look &lt;b&gt;here&lt;/b&gt;" in page
    assert "Due 2100-01-02" in page
    assert checked(page).inline == []
    assert record in reviewer.get("/referrals").text
    number = desk.decisions.of(record.rpartition("/")[2])[0].number
    decided = {"kind": "override", "age": "40", "reason": "lines", "after": str(number)}
    assert reviewer.post(f"{record}/decisions", data=decided).status_code == 303
    page = sender.get(record).text
    assert "answered" in page
    assert "not plausible" in page
    assert record not in reviewer.get("/referrals").text


def test_the_navigation_counts_what_waits(app: Flask) -> None:
    """Hers and her team's queue count; auditors have no count."""
    (sender, me), (reviewer, her) = browser(app, "s2"), browser(app, "r2", "count")
    assert waiting(reviewer) is None
    send(sender, new_record(app, me), f"user:{her.id}")
    send(sender, new_record(app, me), "team:count")
    assert waiting(reviewer) == "2"
    assert waiting(client_of(app, account(app, "auditor"))) is None


def test_one_of_a_team_takes_and_the_other_is_told(app: Flask, desk: Services) -> None:
    """Two saw the same list: the second reads what happened, and nothing is changed."""
    (sender, me), (one, her), (two, _) = (
        browser(app, "s3"),
        browser(app, "a3", "q3"),
        browser(app, "b3", "q3"),
    )
    record = new_record(app, me)
    send(sender, record, "team:q3")
    assert "Take it" in two.get("/referrals?box=team").text
    assert act(one, desk, record, "take").status_code == 303
    told = act(two, desk, record, "take")
    assert told.status_code == 409
    assert "Someone else changed this referral" in told.text
    assert desk.referrals.of(record.rpartition("/")[2])[0].assignee == her.id


def test_a_second_opinion_hides_the_first(app: Flask, desk: Services) -> None:
    """Note and decision of the first person are on no page of the second until she has decided."""
    (sender, me), (reviewer, her) = browser(app, "s4"), browser(app, "r4")
    record = new_record(app, me)
    first = {"kind": "override", "age": "63", "reason": SECRET_NOTE, "note": SECRET_NOTE, "after": "0"}
    assert sender.post(f"{record}/decisions", data=first).status_code == 303
    send(sender, record, f"user:{her.id}", second_opinion="1", after="1")
    assert [made.draft.kind for made in desk.decisions.of(record.rpartition("/")[2])] == ["override"]
    page = reviewer.get(record).text
    assert "You are asked for a second opinion" in page
    assert SECRET_NOTE not in page + reviewer.get("/history").text
    assert SECRET_NOTE not in reviewer.get("/history/export.csv", buffered=True).text
    assert SECRET_NOTE in sender.get(record).text
    second = {"kind": "override", "age": "61", "reason": "hands", "after": "0"}
    assert reviewer.post(f"{record}/decisions", data=second).status_code == 303
    page = reviewer.get(record).text
    assert SECRET_NOTE in page
    assert "You are asked for a second opinion" not in page


def test_a_returned_record_says_why(app: Flask, desk: Services) -> None:
    """Returning needs a comment; what was typed elsewhere on the form stays; the sender reads it."""
    (sender, me), (reviewer, her) = browser(app, "s5"), browser(app, "r5")
    record = new_record(app, me)
    send(sender, record, f"user:{her.id}")
    refused = act(reviewer, desk, record, "return", comment="  ")
    assert (refused.status_code, "Write a comment" in refused.text) == (422, True)
    assert act(reviewer, desk, record, "return", comment="wrong case").status_code == 303
    page = sender.get(record).text
    assert "wrong case" in page
    assert "returned" in page


def test_what_is_wrong_is_said_and_nothing_typed_is_lost(app: Flask) -> None:
    """All problems of the form at once, each at its field, which keeps its text."""
    sender, me = browser(app, "s6")
    record = new_record(app, me)
    wrong = send(
        sender, record, f"user:{me.id}", due="2020-01-01", refer_comment="c" * 2001, note="kept note"
    )
    assert wrong.status_code == 422
    for sentence in (
        "You cannot send a record to yourself",
        "Enter the due date",
        "Comments can have at most",
    ):
        assert sentence in wrong.text
    assert "kept note" in wrong.text
    assert 'value="2020-01-01"' in wrong.text


def test_a_referral_of_a_closed_account_goes_to_somebody_else(app: Flask, desk: Services) -> None:
    """A closed account is no choice any more, and the sender sends the record on."""
    (sender, me), (_, gone), (other, new) = browser(app, "s7"), browser(app, "r7"), browser(app, "n7")
    record = new_record(app, me)
    send(sender, record, f"user:{gone.id}")
    desk.users.disable(gone.id, desk.now())
    assert f'value="user:{gone.id}"' not in sender.get(record).text
    refused = act(sender, desk, record, "reassign", to=f"user:{gone.id}")
    assert refused.status_code == 422
    assert act(sender, desk, record, "reassign", to=f"user:{new.id}").status_code == 303
    assert record in other.get("/referrals").text


@pytest.mark.parametrize("step", ["take", "release", "return", "withdraw", "reassign", "answer", "none"])
def test_who_is_not_concerned_changes_nothing(app: Flask, desk: Services, step: str) -> None:
    """An underwriter who does not see the record gets 404, an auditor 403."""
    (sender, me), (_, her), (stranger, _) = browser(app, "s8"), browser(app, "r8"), browser(app, "x8")
    record = new_record(app, me)
    send(sender, record, f"user:{her.id}")
    before = desk.referrals.of(record.rpartition("/")[2])
    assert act(stranger, desk, record, step, comment="x").status_code == 404
    assert act(client_of(app, account(app, "auditor")), desk, record, step).status_code == 403
    assert desk.referrals.of(record.rpartition("/")[2]) == before


def test_overdue_ones_are_listed_first_and_marked(app: Flask, desk: Services) -> None:
    """The box of what is overdue has it, for the sender too."""
    (sender, me), (reviewer, her) = browser(app, "s9"), browser(app, "r9")
    record = new_record(app, me)
    send(sender, record, f"user:{her.id}", due=(desk.now() + timedelta(days=1)).date().isoformat())
    assert "Nothing is overdue" in sender.get("/referrals?box=overdue").text
    services: Services = app.extensions["simsvc"]
    now = services.now
    try:
        services.now = lambda: now() + timedelta(days=2)
        for client in (client_of(app, her), client_of(app, person(app, "s9"))):
            page = client.get("/referrals?box=overdue").text
            assert record in page
            assert "Overdue since" in page
    finally:
        services.now = now
    del reviewer


def test_sending_twice_by_a_double_click_sends_once(app: Flask, desk: Services) -> None:
    """The same form sent again leads to the record and makes nothing new."""
    (sender, me), (_, her) = browser(app, "s10"), browser(app, "r10")
    record = new_record(app, me)
    answers = [send(sender, record, f"user:{her.id}", form_key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(desk.referrals.of(record.rpartition("/")[2])) == 1


def test_need_more_without_an_addressee_stays_a_decision(app: Flask, desk: Services) -> None:
    """As before, it is recorded and goes to nobody."""
    sender, me = browser(app, "s11")
    record = new_record(app, me)
    assert send(sender, record, "", note="income?").status_code == 303
    assert desk.referrals.of(record.rpartition("/")[2]) == ()


def test_administrators_set_team_and_mail_address(app: Flask, desk: Services) -> None:
    """Saved, logged without the address; a wrong address is said and kept in its field."""
    admin, user = client_of(app, account(app, "admin")), account(app, "underwriter", "s12")
    path = f"/users/{user.id}/contact"
    assert admin.post(path, data={"team": " Life  desk ", "mail": "s12@example.com"}).status_code == 303
    found = desk.users.find(user.id)
    assert found is not None
    assert (found.team, found.mail_address) == ("Life desk", "s12@example.com")
    wrong = admin.post(path, data={"team": "Other", "mail": "no address\nBcc: x@y"})
    assert (wrong.status_code, 'value="Other"' in wrong.text) == (422, True)
    with desk.log.snapshot() as snapshot:
        assert "s12@example.com" not in "".join(one.content or "" for one in snapshot.after(None, 10_000))
