from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.desk.referrals import (
    advanced,
    checked_addressee,
    checked_comment,
    checked_due,
    checked_step,
    is_overdue,
    may,
    teams_of,
)
from simsvc.errors import ReferralRefused
from simsvc.values import User
from simsvc.values.referrals import REFERRAL_STEPS, Addressee, Party, Referral, ReferralAct, ReferralStep

NOW = datetime(2026, 5, 4, tzinfo=UTC)
SENDER, ANN, BEN, EVE, ADMIN = (
    Party("sender"),
    Party("ann", "life"),
    Party("ben", "life"),
    Party("eve", "car"),
    Party("boss", is_admin=True),
)
PARTIES = (SENDER, ANN, BEN, EVE, ADMIN)


def sent(person: str | None = None, team: str | None = None, due: date | None = None) -> Referral:
    return Referral("r" * 32, "e" * 32, 1, None, "sender", person, team, False, due, "open", 1, NOW)


STARTS = st.sampled_from([sent(person="ann"), sent(team="life")])
ACTS = st.builds(
    ReferralAct,
    st.sampled_from(REFERRAL_STEPS),
    st.sampled_from(PARTIES),
    to=st.sampled_from([Addressee("ann"), Addressee("eve"), Addressee(team="life"), Addressee(team="car")]),
)


@given(STARTS, st.lists(ACTS, max_size=12))
def test_closed_is_final_and_every_step_counts(referral: Referral, acts: list[ReferralAct]) -> None:
    """Whatever people do, a closed referral stays as it is, and the version counts the steps taken."""
    for act in acts:
        try:
            later = advanced(act, referral, NOW)
        except ReferralRefused:
            continue
        assert referral.is_open or later == referral
        assert later.version == referral.version + (act.step != "comment")
        assert (later.closed_at is None) == later.is_open
        assert later.assignee is not None or later.team is not None
        referral = later


@given(STARTS, st.lists(ACTS, max_size=12))
def test_only_those_it_was_sent_to_answer(referral: Referral, acts: list[ReferralAct]) -> None:
    """An answer or a return comes from the assignee, the queue's team, or an administrator."""
    for act in acts:
        try:
            later = advanced(act, referral, NOW)
        except ReferralRefused:
            continue
        if act.step in {"answer", "return"}:
            in_queue = referral.assignee is None and referral.team == act.party.team
            assert act.party.is_admin or in_queue or referral.assignee == act.party.actor
        referral = later


@given(STARTS, ACTS)
def test_pages_offer_exactly_what_is_possible(referral: Referral, act: ReferralAct) -> None:
    """`may` agrees with what happens."""
    try:
        advanced(act, referral, NOW)
        possible = True
    except ReferralRefused:
        possible = False
    assert may(act.step, referral, act.party) == possible


@pytest.mark.parametrize(
    ("step", "party", "reason"),
    [
        ("take", EVE, "not_yours"),
        ("withdraw", ANN, "not_sender"),
        ("release", ANN, "not_yours"),
        ("comment", EVE, "not_involved"),
        ("reassign", EVE, "not_involved"),
    ],
)
def test_a_refusal_says_why(step: ReferralStep, party: Party, reason: str) -> None:
    """Each refused step of a team's queue has its own sentence."""
    with pytest.raises(ReferralRefused) as refusal:
        advanced(ReferralAct(step, party), sent(team="life"), NOW)
    assert refusal.value.reason == reason


def test_two_of_a_team_cannot_both_take() -> None:
    """The second is told that it is taken; put back, she may take it."""
    taken = advanced(ReferralAct("take", ANN), sent(team="life"), NOW)
    with pytest.raises(ReferralRefused, match="already taken"):
        advanced(ReferralAct("take", BEN), taken, NOW)
    back = advanced(ReferralAct("release", ANN), taken, NOW)
    assert advanced(ReferralAct("take", BEN), back, NOW).assignee == "ben"


def user(name: str, role: str = "underwriter", team: str | None = None, *, disabled: bool = False) -> User:
    closed = NOW if disabled else None
    return User(name, name, role, NOW, disabled_at=closed, team=team)  # type: ignore[arg-type]


USERS = (
    user("ann", team="life"),
    user("old", team="gone", disabled=True),
    user("looker", "auditor", team="audit"),
    user("boss", "admin"),
)


def test_a_record_goes_to_those_who_may_decide() -> None:
    """Open accounts that decide, and teams that have one; nobody else, and not the sender."""
    assert teams_of(USERS) == ("life",)
    assert checked_addressee("team:life", USERS, SENDER) == Addressee(team="life")
    assert checked_addressee("user:boss", USERS, SENDER) == Addressee("boss")
    wrong = {"": "nobody", "user:old": "unknown", "user:looker": "unknown", "team:gone": "unknown"}
    for text, reason in {**wrong, "user:ann": "yourself"}.items():
        with pytest.raises(ReferralRefused) as refusal:
            checked_addressee(text, USERS, ANN)
        assert refusal.value.reason == reason


def test_a_due_date_is_today_or_later() -> None:
    """Yesterday and what is no date are refused; overdue begins the day after."""
    today = NOW.date()
    assert checked_due(" 2026-05-04 ", today) == today
    assert checked_due("", today) is None
    for text in ("2026-05-03", "tomorrow", "9999-01-01"):
        with pytest.raises(ReferralRefused, match="due date"):
            checked_due(text, today)
    assert not is_overdue(sent("ann", due=today), today)
    assert is_overdue(sent("ann", due=date(2026, 5, 3)), today)


def test_words_are_checked() -> None:
    """Comments are trimmed, limited and, where needed, present; an answer is no step of a form."""
    assert checked_comment("  why ", needed=True) == "why"
    for text in ("x" * 2001, "   "):
        with pytest.raises(ReferralRefused):
            checked_comment(text, needed=True)
    for text in ("answer", "", "TAKE"):
        with pytest.raises(ReferralRefused):
            checked_step(text)
