from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from simsvc.errors import (
    DecisionSuperseded,
    ReferralChanged,
    ReferralExists,
    ReferralNotFound,
    ReferralRefused,
)
from simsvc.flows.audit.verify_log import verify
from simsvc.store.access.accounts import AccountStore
from simsvc.store.audit.log import EventLog
from simsvc.store.database import Database
from simsvc.store.erasure.records import ErasureStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.store.reviews.notifications import NotificationStore, Outbox
from simsvc.store.reviews.referrals import ReferralStore
from simsvc.values import DecisionDraft
from simsvc.values.referrals import Addressee, Party, Referral, ReferralAct, ReferralDraft
from tests.simsvc.store.helpers import ESTIMATED

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
ACCEPT = DecisionDraft("accept")
TO_ANN, TO_LIFE = (
    ReferralDraft(Addressee("ann"), comment="please look"),
    ReferralDraft(Addressee(team="life")),
)
ANN, BEN, SENDER = Party("ann", "life"), Party("ben", "life"), Party("0" * 32)


def record(database: Database) -> str:
    return EstimateStore(database).record(ESTIMATED).id


def people(database: Database) -> tuple[Party, Party]:
    """Add two accounts of the team life, each with a mail address."""
    accounts, found = AccountStore(database), []
    for name in ("Ann", "Ben"):
        user = accounts.add(name, name.lower(), "underwriter", NOW)
        accounts.set_contact(user.id, "life", f"{name}@example.com")
        found.append(Party(user.id, "life"))
    return found[0], found[1]


def test_the_sender_sees_what_came_back(database: Database) -> None:
    """A referral that was returned leaves the open lists and stands among the answered ones of its sender."""
    store, estimate = ReferralStore(database), record(database)
    sent = store.add(estimate, TO_ANN, "0" * 32, NOW)
    assert store.box("answered", SENDER, NOW.date()) == (0, [])
    store.step(sent.id, ReferralAct("return", ANN, comment="not mine"), NOW)
    assert [one.state for one in store.box("answered", SENDER, NOW.date())[1]] == ["returned"]
    assert store.box("answered", ANN, NOW.date()) == store.box("sent", SENDER, NOW.date()) == (0, [])


def test_a_referral_comes_back_with_its_comments(database: Database) -> None:
    """What was sent is read back, by its id and by its record."""
    store, estimate = ReferralStore(database), record(database)
    sent = store.add(estimate, replace(TO_ANN, due_on=date(2026, 5, 6), second_opinion=True), "0" * 32, NOW)
    store.step(sent.id, ReferralAct("comment", ANN, comment="I will"), NOW)
    assert store.find(sent.id) == sent
    assert store.of(estimate) == (sent,)
    assert [one.text for one in store.comments([sent.id])[sent.id]] == ["please look", "I will"]
    with pytest.raises(ReferralNotFound):
        store.find("none")


def test_a_referral_is_in_the_lists_of_both_people(database: Database) -> None:
    """With who has it, with who sent it, and among the overdue ones from the day after it was due."""
    store = ReferralStore(database)
    sent = store.add(record(database), replace(TO_ANN, due_on=date(2026, 5, 6)), "0" * 32, NOW)
    assert store.box("mine", ANN, NOW.date()) == (1, [sent])
    assert store.box("sent", SENDER, NOW.date()) == (1, [sent])
    assert store.box("overdue", SENDER, NOW.date()) == (0, [])
    assert store.box("overdue", ANN, date(2026, 5, 7)) == (1, [sent])
    assert store.waiting_for(ANN) == 1


def test_the_queue_of_no_team_is_empty(database: Database) -> None:
    """Who is in no team does not see what was sent to others."""
    store, estimate = ReferralStore(database), record(database)
    store.add(estimate, TO_ANN, "0" * 32, NOW)
    assert store.box("team", Party("cid"), NOW.date()) == (0, [])


def test_a_record_is_sent_once_at_a_time(database: Database) -> None:
    """A second referral is refused until the first is closed."""
    store, estimate = ReferralStore(database), record(database)
    sent = store.add(estimate, TO_ANN, "u1", NOW)
    with pytest.raises(ReferralExists):
        store.add(estimate, TO_LIFE, "u1", NOW)
    store.step(sent.id, ReferralAct("return", ANN, comment="which case?"), NOW)
    assert store.add(estimate, TO_LIFE, "u1", NOW).is_open


def test_who_saw_an_older_version_is_told(database: Database) -> None:
    """Of two people who act on what they saw, the second changes nothing."""
    store = ReferralStore(database)
    sent = store.add(record(database), TO_LIFE, "u1", NOW)
    store.step(sent.id, ReferralAct("take", ANN, version=1), NOW)
    with pytest.raises(ReferralChanged):
        store.step(sent.id, ReferralAct("take", BEN, version=1), NOW)
    with pytest.raises(ReferralRefused):
        store.step(sent.id, ReferralAct("take", BEN), NOW)
    assert store.find(sent.id).assignee == "ann"


def test_of_many_who_take_at_once_one_wins(database: Database) -> None:
    """Four people take the same referral: one has it, three are told."""
    store = ReferralStore(database)
    sent = store.add(record(database), TO_LIFE, "u1", NOW)

    def take(actor: str) -> str:
        try:
            return str(store.step(sent.id, ReferralAct("take", Party(actor, "life"), 1), NOW).assignee)
        except ReferralChanged:
            return "told"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(take, ("a", "b", "c", "d")))
    assert answers[1:] == ["told"] * 3
    assert store.find(sent.id).assignee == answers[0]


def test_a_decision_of_the_assignee_answers(database: Database) -> None:
    """Her decision closes the referral; one of somebody else leaves it open."""
    store, estimate = ReferralStore(database), record(database)
    ann, ben = people(database)
    sent = store.add(estimate, ReferralDraft(Addressee(ann.actor)), "u1", NOW)
    DecisionStore(database).add(estimate, ACCEPT, ben.actor, 0, NOW)
    assert store.find(sent.id).is_open
    DecisionStore(database).add(estimate, ACCEPT, ann.actor, 1, NOW)
    answered = store.find(sent.id)
    assert (answered.state, answered.closed_at) == ("answered", NOW)


def test_a_decision_of_the_team_takes_and_answers(database: Database) -> None:
    """One of a queue that nobody took is answered by whoever of the team decides."""
    store, estimate = ReferralStore(database), record(database)
    _, ben = people(database)
    sent = store.add(estimate, TO_LIFE, "u1", NOW)
    DecisionStore(database).add(estimate, ACCEPT, ben.actor, 0, NOW)
    assert (store.find(sent.id).state, store.find(sent.id).assignee) == ("answered", ben.actor)


def test_sending_and_deciding_happen_together_or_not_at_all(database: Database) -> None:
    """Where the record is sent already, no decision `refer` is left either."""
    store, decisions, estimate = ReferralStore(database), DecisionStore(database), record(database)
    refer = DecisionDraft("refer", note="see passport")
    decisions.refer(estimate, refer, TO_ANN, "u1", 0, NOW)
    assert [made.draft for made in decisions.of(estimate)] == [refer]
    with pytest.raises(ReferralExists):
        decisions.refer(estimate, refer, TO_LIFE, "u1", 1, NOW)
    with pytest.raises(DecisionSuperseded):
        decisions.refer(estimate, refer, TO_LIFE, "u1", 0, NOW)
    assert len(decisions.of(estimate)) == len(store.of(estimate)) == 1


def test_an_administrator_answers_for_somebody(database: Database) -> None:
    """Decision and answer are one step; a referral that was closed meanwhile undoes both."""
    store, decisions, estimate = ReferralStore(database), DecisionStore(database), record(database)
    sent, boss = store.add(estimate, TO_ANN, "u1", NOW), Party("boss", is_admin=True)
    store.step(sent.id, ReferralAct("withdraw", Party("u1")), NOW)
    with pytest.raises(ReferralChanged):
        decisions.answer(sent, ACCEPT, boss, 0, NOW)
    assert decisions.of(estimate) == ()
    decisions.answer(store.add(estimate, TO_ANN, "u1", NOW), ACCEPT, boss, 0, NOW)
    assert store.of(estimate)[0].state == "answered"


def test_a_second_opinion_is_asked_of_somebody_else(database: Database) -> None:
    """Whoever decided already is refused, also when it is sent on."""
    store, estimate = ReferralStore(database), record(database)
    DecisionStore(database).add(estimate, ACCEPT, "ann", 0, NOW)
    with pytest.raises(ReferralRefused, match="already decided"):
        store.add(estimate, replace(TO_ANN, second_opinion=True), "u1", NOW)
    sent = store.add(estimate, ReferralDraft(Addressee("ben"), second_opinion=True), "u1", NOW)
    with pytest.raises(ReferralRefused, match="already decided"):
        store.step(sent.id, ReferralAct("reassign", BEN, to=Addressee("ann")), NOW)


def test_each_step_is_logged_and_the_log_verifies(database: Database) -> None:
    """One event a step, about the record, with what was said."""
    store, estimate = ReferralStore(database), record(database)
    sent = store.add(estimate, TO_LIFE, "u1", NOW)
    store.step(sent.id, ReferralAct("take", ANN), NOW)
    store.step(sent.id, ReferralAct("return", ANN, comment="blurred"), NOW)
    with EventLog(database).snapshot() as snapshot:
        events = [one for one in snapshot.after(None) if one.event.kind == "referral"]
        assert verify(snapshot, lambda _done, _total: None).broken is None
    assert [one.event.actor for one in events] == ["user:u1", "user:ann", "user:ann"]
    assert {one.event.subject for one in events} == {f"estimate:{estimate}"}
    assert '"comment":"blurred"' in (events[-1].content or "")


def test_erasing_a_record_erases_its_referrals(database: Database) -> None:
    """Rows, comments, notifications and what the log says are gone, and the log still verifies."""
    store = ReferralStore(database, Outbox(("webhook",)))
    estimate = record(database)
    sent = store.add(estimate, TO_ANN, "u1", NOW)
    receipt = ErasureStore(database).erase_estimate(estimate, "user:u1", NOW)
    assert receipt.erased.counts["referrals"] == 1
    assert store.of(estimate) == ()
    assert store.comments([sent.id]) == {}
    assert NotificationStore(database).counts() == (0, 0)
    with EventLog(database).snapshot() as snapshot:
        told = [one.content for one in snapshot.after(None) if one.event.kind == "referral"]
        assert told == [None]
        assert verify(snapshot, lambda _done, _total: None).broken is None


def test_the_right_people_are_told(database: Database) -> None:
    """The queue's team is told of a new referral, the sender of its answer, nobody of her own act."""
    ann, ben = people(database)
    store, book = ReferralStore(database, Outbox(("webhook", "mail"))), NotificationStore(database)
    estimate = record(database)
    sent = store.add(estimate, TO_LIFE, ann.actor, NOW)
    store.step(sent.id, ReferralAct("take", ben), NOW)
    store.step(sent.id, ReferralAct("return", ben, comment="why?"), NOW)
    told = [(one.kind, one.channel, address) for one, address in book.claim(NOW, 10)]
    assert told == [
        ("referral.sent", "webhook", None),
        ("referral.sent", "mail", "Ben@example.com"),
        ("referral.returned", "webhook", None),
        ("referral.returned", "mail", "Ann@example.com"),
    ]
    assert book.claim(NOW, 10) == []  # taken by the call before


def test_overdue_is_told_once(database: Database) -> None:
    """The day after the due date, once; again after it was sent on with the same date."""
    store, book = ReferralStore(database, Outbox(("webhook",))), NotificationStore(database)
    sent = store.add(record(database), replace(TO_ANN, due_on=NOW.date()), "u1", NOW)
    assert store.note_overdue(NOW) == 0
    assert [store.note_overdue(NOW + timedelta(days=1)) for _ in range(2)] == [1, 0]
    store.step(sent.id, ReferralAct("reassign", ANN, to=Addressee("ben")), NOW)
    assert store.note_overdue(NOW + timedelta(days=1)) == 1
    kinds = [one.kind for one, _ in book.claim(NOW + timedelta(days=1), 10)]
    assert sorted(kinds) == ["referral.overdue", "referral.overdue", "referral.sent", "referral.sent"]


def _sort(referrals: list[tuple[int, Referral]]) -> list[str]:
    return [referral.id for _, referral in referrals]


def test_referrals_are_listed_by_state_and_record(database: Database) -> None:
    """Newest first, below a number."""
    store = ReferralStore(database)
    first, second = (store.add(record(database), TO_ANN, "u1", NOW) for _ in range(2))
    store.step(first.id, ReferralAct("withdraw", Party("u1")), NOW)
    assert _sort(store.older("", "", None, 10)) == [second.id, first.id]
    assert _sort(store.older("open", "", None, 10)) == [second.id]
    assert _sort(store.older("", first.estimate_id, None, 10)) == [first.id]
    assert _sort(store.older("", "", store.older("", "", None, 1)[0][0], 10)) == [first.id]
