"""Notifications from the outbox to real receivers on this machine."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simsvc.flows.notify import AT_ONCE, BACKOFF, Delivered
from simsvc.settings import Settings, load_settings
from simsvc.values import Declaration
from simsvc.values.referrals import Addressee, Party, ReferralAct, ReferralDraft
from simsvc.wiring.notifications import notifier
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.receivers import Hooks, Mails, mail_server, web_server
from tests.simsvc.store.helpers import ESTIMATED

SECRET = "a secret for tests, long enough to sign"  # noqa: S105 - signs nothing outside of a test
START = datetime(2026, 5, 4, 9, tzinfo=UTC)
APPLICANT = replace(ESTIMATED, photo_name="Zoë Applicant.jpg", declared=Declaration("CASE-OF-ZOE"))


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with web_server() as found:
        yield found


@pytest.fixture
def mails() -> Iterator[tuple[str, Mails]]:
    with mail_server() as found:
        yield found


def services_of(folder: Path, clock: Clock, **wanted: str) -> Services:
    settings: Settings = load_settings({}).model_copy(
        update={
            "database_url": sqlite_database(folder / "simsvc.sqlite3"),
            "batch_dir": folder / "batches",
            "public_url": "https://age.example",
            **wanted,
        }
    )
    return Services(settings, clock)


def send(services: Services, due_days: int | None = None, team: str = "life") -> str:
    """Send a new record to a team; return the record's id."""
    record = services.estimates.record(APPLICANT).id
    due = services.now().date() + timedelta(days=due_days) if due_days is not None else None
    draft = ReferralDraft(Addressee(team=team), due_on=due, comment="Zoë's passport")
    services.referrals.add(record, draft, "0" * 32, services.now())
    return record


def test_a_webhook_is_signed_and_says_ids_only(tmp_path: Path, clock: Clock, hooks: Hooks) -> None:
    """A receiver can verify who sent it and when; nothing in it is about the applicant."""
    services = services_of(tmp_path, clock, webhook_url=hooks.url, webhook_secret=SECRET)
    record = send(services)
    assert notifier(services).run() == Delivered(sent=1)
    body, headers = hooks.posted[0]
    told = dict(part.split("=", 1) for part in headers["Simsvc-Signature"].split(","))
    signed = f"{told['t']}.".encode() + body
    assert told["v1"] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    said = json.loads(body)
    assert (said["type"], said["estimate"], said["team"]) == ("referral.sent", record, "life")
    assert headers["Content-Type"] == "application/json"
    assert not {word for word in ("Zo", "Applicant", "CASE", "passport") if word in body.decode()}
    assert notifier(services).run() == Delivered()


def test_a_receiver_that_fails_is_tried_again_later(tmp_path: Path, clock: Clock, hooks: Hooks) -> None:
    """It waits longer each time; the same id comes again, and is delivered once the receiver works."""
    services = services_of(tmp_path, clock, webhook_url=hooks.url, webhook_secret=SECRET)
    send(services)
    hooks.status = 500
    for wait in BACKOFF[:2]:
        assert notifier(services).run() == Delivered(postponed=1)
        clock.now += wait - timedelta(seconds=1)
        assert notifier(services).run() == Delivered()
        clock.now += timedelta(seconds=1)
    hooks.status = 200
    assert notifier(services).run() == Delivered(sent=1)
    assert len({json.loads(body)["id"] for body, _ in hooks.posted}) == 1
    assert services.notifications.counts() == (0, 0)


@pytest.mark.parametrize("status", [301, 404, None])
def test_a_receiver_that_never_answers_is_given_up_and_shown(
    tmp_path: Path, clock: Clock, hooks: Hooks, status: int | None
) -> None:
    """A redirect, a refusal and a closed port: after the last attempt it is failed, and may be retried."""
    url = hooks.url if status else "http://127.0.0.1:9/"  # the discard port, on which nothing listens
    hooks.status = status or 0
    services = services_of(tmp_path, clock, webhook_url=url, webhook_secret=SECRET)
    send(services)
    for wait in (*BACKOFF, timedelta()):
        done = notifier(services).run()
        clock.now += wait
    assert done == Delivered(failed=1)
    assert services.notifications.counts() == (0, 1)
    failed = services.notifications.failed(10)[0]
    assert (failed.attempts, bool(failed.problem)) == (len(BACKOFF) + 1, True)
    assert services.notifications.try_failed_again(clock.now) == 1
    assert notifier(services).run() == Delivered(postponed=1)


def test_one_that_does_not_answer_holds_up_no_others(tmp_path: Path, clock: Clock, hooks: Hooks) -> None:
    """After the first failure of a run the rest waits, untried, and keeps its attempts."""
    services = services_of(tmp_path, clock, webhook_url=hooks.url, webhook_secret=SECRET)
    for _ in range(3):
        send(services)
    hooks.status = 503
    assert notifier(services).run() == Delivered(postponed=1)
    assert len(hooks.posted) == 1
    hooks.status = 204
    assert notifier(services).run() == Delivered(sent=2)


def test_many_are_delivered_in_several_runs(tmp_path: Path, clock: Clock, hooks: Hooks) -> None:
    """A run ends after so many, so that photos of batches do not wait."""
    services = services_of(tmp_path, clock, webhook_url=hooks.url, webhook_secret=SECRET)
    for _ in range(AT_ONCE + 1):
        send(services)
    assert [notifier(services).run().sent for _ in range(2)] == [AT_ONCE, 1]


def test_mails_go_to_those_with_an_address(tmp_path: Path, clock: Clock, mails: tuple[str, Mails]) -> None:
    """The team's members get a mail with a link; a closed account and one without an address get none."""
    url, taken = mails
    services = services_of(tmp_path, clock, smtp_url=url, mail_from="simsvc@example.com")
    for name, address in (("ann", "ann@example.com"), ("ben", None), ("old", "old@example.com")):
        user = services.users.add(name, name, "underwriter", START)
        services.users.set_contact(user.id, "life", address)
    services.users.disable(user.id, START)
    record = send(services, due_days=2)
    assert notifier(services).run() == Delivered(sent=1)
    (message,) = taken.taken
    assert message["To"] == "ann@example.com"
    text = message.get_payload()
    assert message["Subject"] == "simsvc: A record was sent to you for review"
    assert f"https://age.example/estimates/{record}#referral" in text
    assert "Due: 2026-05-06" in text
    assert not {word for word in ("Zo", "Applicant", "CASE", "passport") if word in message.as_string()}


def test_a_refused_mailbox_holds_up_no_others(tmp_path: Path, clock: Clock, mails: tuple[str, Mails]) -> None:
    """The mail that the server refuses is tried again; the next one is sent."""
    url, taken = mails
    services = services_of(tmp_path, clock, smtp_url=url, mail_from="simsvc@example.com")
    for name, address in (("gone", Mails.refused), ("here", "here@example.com")):
        user = services.users.add(name, name, "underwriter", START)
        services.users.set_contact(user.id, "life", address)
    send(services)
    assert notifier(services).run() == Delivered(sent=1, postponed=1)
    assert [mail["To"] for mail in taken.taken] == ["here@example.com"]


def test_a_password_is_never_sent_in_the_clear(
    tmp_path: Path, clock: Clock, mails: tuple[str, Mails]
) -> None:
    """A server without TLS gets no password, and the problem says so."""
    url = mails[0].replace("//", "//user:secret@")
    services = services_of(tmp_path, clock, smtp_url=url, mail_from="simsvc@example.com")
    user = services.users.add("ann", "ann", "underwriter", START)
    services.users.set_contact(user.id, "life", "ann@example.com")
    send(services)
    assert notifier(services).run() == Delivered(postponed=1)
    assert mails[1].taken == []


def test_overdue_answer_and_return_are_told(tmp_path: Path, clock: Clock, hooks: Hooks) -> None:
    """Each kind reaches the receiver, the overdue one without any request."""
    services = services_of(tmp_path, clock, webhook_url=hooks.url, webhook_secret=SECRET)
    record = send(services, due_days=0)
    clock.now += timedelta(days=1)
    referral = services.referrals.of(record)[0]
    notifier(services).run()
    party = Party("ann", "life")
    services.referrals.step(referral.id, ReferralAct("return", party, comment="no"), clock.now)
    notifier(services).run()
    kinds = [json.loads(body)["type"] for body, _ in hooks.posted]
    assert kinds == ["referral.sent", "referral.overdue", "referral.returned"]


def test_without_channels_nothing_is_kept_to_be_sent(tmp_path: Path, clock: Clock) -> None:
    """Where no webhook and no mail server is set, the outbox stays empty."""
    services = services_of(tmp_path, clock)
    send(services)
    assert services.notifications.counts() == (0, 0)
