"""Events streamed to real receivers on this machine."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simsvc.domain.audit.chain import BEGINNING, content_sha256, event_sha256
from simsvc.flows.audit.stream_events import BATCH_EVENTS, PAUSES, Streamer
from simsvc.settings import load_settings
from simsvc.store.audit.event_stream import LEASE, EventStreamStore
from simsvc.values.events import COMMAND, Event, EventKind, NewEvent
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.helpers import wait_until
from tests.receivers import Hooks, Messages, syslog_tcp_server, syslog_udp_server, web_server

SECRET = "a secret for tests, long enough to sign"  # noqa: S105 - signs nothing outside of a test
PERSON = 'Zoë "Applicant" ]'
PARAMETER = re.compile(r'(\w+)="((?:[^"\\\]]|\\.)*)"')


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 4, 9, tzinfo=UTC)

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
def syslog() -> Iterator[Messages]:
    with syslog_tcp_server() as found:
        yield found


def services_of(url: str, clock: Clock, **wanted: object) -> Services:
    settings = load_settings({}).model_copy(
        update={"database_url": url, "event_stream_secret": SECRET, **wanted}
    )
    return Services(settings, clock)


def log_events(services: Services, count: int) -> None:
    services.log.note_all(
        NewEvent(EventKind.EXPORT, COMMAND, "export:history", {"name": PERSON, "number": number})
        for number in range(count)
    )


def sender(services: Services) -> Streamer:
    found = services.streamer
    assert found is not None
    return found


def lines_of(hooks: Hooks) -> list[dict[str, object]]:
    return [json.loads(line) for body, _ in hooks.posted for line in body.splitlines()]


def seqs_of(messages: Messages) -> list[int]:
    return [
        int(dict(PARAMETER.findall(message[:500].decode(errors="replace")))["seq"])
        for message in messages.taken
    ]


def test_a_webhook_gets_every_event_in_order_and_signed(
    database_url: str, clock: Clock, hooks: Hooks
) -> None:
    """In batches; each line is an event of the chain, without its content."""
    services = services_of(database_url, clock, event_stream=hooks.url)
    log_events(services, BATCH_EVENTS + 20)
    with services.log.snapshot() as snapshot:
        count = snapshot.count()
    stream = sender(services)
    assert [stream.step() for _ in range(3)] == ["sent", "sent", "idle"]
    lines = lines_of(hooks)
    assert [line["seq"] for line in lines] == list(range(1, count + 1))
    assert [len(body.splitlines()) for body, _ in hooks.posted] == [BATCH_EVENTS, count - BATCH_EVENTS]
    previous: object = BEGINNING
    for line in lines:
        event = Event(**line)  # type: ignore[arg-type]  # as it was sent
        assert event_sha256(event) == event.sha256
        assert event.previous_sha256 == previous
        previous = event.sha256
    body, headers = hooks.posted[0]
    told = dict(part.split("=", 1) for part in headers["Simsvc-Signature"].split(","))
    signed = f"{told['t']}.".encode() + body
    assert told["v1"] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["Content-Type"] == "application/jsonl"
    assert "Applicant" not in body.decode()


def test_contents_are_sent_only_if_wanted(tmp_path: Path, clock: Clock, hooks: Hooks) -> None:
    """With the salt, so that the receiver can compare them with the digest in the chain."""
    url = sqlite_database(tmp_path / "simsvc.sqlite3")
    services = services_of(url, clock, event_stream=hooks.url, event_stream_content=True)
    log_events(services, 1)
    assert sender(services).step() == "sent"
    line = lines_of(hooks)[-1]
    assert json.loads(str(line["content"]))["name"] == PERSON
    digest = content_sha256(bytes.fromhex(str(line["salt"])), str(line["content"]))
    assert digest == line["content_sha256"]


@pytest.mark.parametrize("with_content", [False, True])
def test_syslog_gets_structured_data(
    tmp_path: Path, clock: Clock, syslog: Messages, with_content: bool
) -> None:
    """RFC 5424: priority, version, time of the event, host, application, process, kind, fields, text."""
    url = sqlite_database(tmp_path / "simsvc.sqlite3")
    services = services_of(url, clock, event_stream=syslog.url, event_stream_content=with_content)
    services.log.note(NewEvent(EventKind.EXPORT, COMMAND, 'export:"a]\\', {"name": PERSON}))
    assert sender(services).step() == "sent"
    with services.log.snapshot() as snapshot:
        last = snapshot.last()
    assert last is not None
    text = syslog.taken[-1].decode()
    header, fields = text.split(" [event@32473 ", 1)
    assert re.fullmatch(rf"<109>1 {re.escape(last.at)} \S+ simsvc \d+ export", header)
    found = {name: re.sub(r"\\(.)", r"\1", value) for name, value in PARAMETER.findall(fields)}
    assert (found["subject"], found["sha256"]) == ('export:"a]\\', last.sha256)
    assert fields.endswith("]") is not with_content
    assert ("Zo" in text) is with_content
    if with_content:
        assert json.loads(fields.split("] \ufeff", 1)[1]) == {"name": PERSON}


def test_datagrams_are_sent_one_by_one(tmp_path: Path, clock: Clock) -> None:
    """By UDP each event is a datagram, and a content that is too long for one is cut."""
    with syslog_udp_server() as udp:
        url = sqlite_database(tmp_path / "simsvc.sqlite3")
        services = services_of(url, clock, event_stream=udp.url, event_stream_content=True)
        services.log.note(NewEvent(EventKind.EXPORT, COMMAND, "export:long", {"text": "x" * 70_000}))
        assert sender(services).step() == "sent"
        with services.log.snapshot() as snapshot:
            count = snapshot.count()
        wait_until(lambda: len(udp.taken) == count)
        assert seqs_of(udp) == list(range(1, count + 1))
        assert len(udp.taken[-1]) == 65_000


def test_a_receiver_that_did_not_read_everything_gets_it_again(
    tmp_path: Path, clock: Clock, syslog: Messages
) -> None:
    """A connection that is reset confirms nothing: the batch is repeated from its first event."""
    services = services_of(sqlite_database(tmp_path / "simsvc.sqlite3"), clock, event_stream=syslog.url)
    log_events(services, 5)
    stream = sender(services)
    syslog.answers = False
    assert stream.step() == "failed"
    first = seqs_of(syslog)
    syslog.answers = True
    syslog.taken.clear()
    clock.now += timedelta(seconds=PAUSES[0])
    assert [stream.step(), stream.step()] == ["sent", "idle"]
    assert seqs_of(syslog) == first


def test_pauses_grow_while_a_receiver_is_away(database_url: str, clock: Clock, hooks: Hooks) -> None:
    """Nothing is lost or skipped meanwhile; the lag and the problem are known."""
    services = services_of(database_url, clock, event_stream=hooks.url)
    log_events(services, 3)
    stream = sender(services)
    hooks.status = 503
    for pause in (*PAUSES, PAUSES[-1]):
        assert stream.step() == "failed"
        clock.now += timedelta(seconds=pause, microseconds=-1)
        assert stream.step() == "waiting"
        clock.now += timedelta(microseconds=1)
    lag = services.stream_lag()
    assert lag is not None
    with services.log.snapshot() as snapshot:
        assert lag.events == snapshot.count()
    assert lag.problem == "The receiver answered with HTTP status 503."
    hooks.status = 204
    hooks.posted.clear()
    assert stream.step() == "sent"
    assert [line["seq"] for line in lines_of(hooks)] == list(range(1, lag.events + 1))
    caught_up = services.stream_lag()
    assert caught_up is not None
    assert (caught_up.events, caught_up.behind, caught_up.problem) == (0, timedelta(), None)


def test_one_process_sends_at_a_time(database_url: str, clock: Clock, hooks: Hooks) -> None:
    """Another one takes over when the first ends, or when it has not been heard of for the lease."""
    services = services_of(database_url, clock, event_stream=hooks.url)
    first = sender(services)
    second = sender(services_of(database_url, clock, event_stream=hooks.url))
    log_events(services, 1)
    assert first.step() == "sent"
    log_events(services, 1)
    assert second.step() == "busy"
    clock.now += LEASE + timedelta(seconds=1)
    assert second.step() == "sent"
    log_events(services, 1)
    assert first.step() == "busy"
    stop = threading.Event()
    stop.set()
    second.run(stop)
    log_events(services, 1)
    assert first.step() == "sent"
    seqs = [line["seq"] for line in lines_of(hooks)]
    assert seqs == sorted(set(seqs), key=int)


def test_a_clock_that_is_set_back_stops_nothing(tmp_path: Path, clock: Clock, hooks: Hooks) -> None:
    """Neither a pause nor another process's lease lasts a year because of it."""
    url = sqlite_database(tmp_path / "simsvc.sqlite3")
    services = services_of(url, clock, event_stream=hooks.url)
    log_events(services, 1)
    hooks.status = 500
    assert sender(services).step() == "failed"
    clock.now -= timedelta(days=365)
    hooks.status = 204
    assert sender(services).step() == "sent"
    clock.now -= timedelta(days=365)
    log_events(services, 1)
    assert sender(services_of(url, clock, event_stream=hooks.url)).step() == "sent"


def test_who_was_overtaken_moves_nothing(database_url: str, clock: Clock) -> None:
    """A process that was stopped for longer than its lease does not move the position back."""
    book = EventStreamStore(services_of(database_url, clock).database)
    assert book.claim("first", clock.now)
    clock.now += LEASE + timedelta(seconds=1)
    assert book.claim("second", clock.now)
    assert book.advance("second", 500, clock.now)
    assert not book.advance("first", 250, clock.now)
    assert book.state().position == 500


def test_events_can_be_sent_again(tmp_path: Path, clock: Clock, hooks: Hooks) -> None:
    """A receiver that lost what it had gets it again from an event on."""
    services = services_of(sqlite_database(tmp_path / "simsvc.sqlite3"), clock, event_stream=hooks.url)
    log_events(services, 5)
    stream = sender(services)
    assert stream.step() == "sent"
    hooks.posted.clear()
    EventStreamStore(services.database).resend_from(3)
    assert stream.step() == "sent"
    assert lines_of(hooks)[0]["seq"] == 3


SENDER = """
import os, sys, threading
from pathlib import Path
from simsvc.settings import load_settings
from simsvc.wiring.services import Services
Services(load_settings()).streamer.run(threading.Event())
"""


@pytest.mark.slow
def test_a_killed_sender_loses_and_reorders_nothing(tmp_path: Path, hooks: Hooks) -> None:
    """Killed while it sends; the next process goes on, so that every event comes, in order, at least once."""
    url = sqlite_database(tmp_path / "simsvc.sqlite3")
    services = Services(load_settings({}).model_copy(update={"database_url": url}))
    log_events(services, 6 * BATCH_EVENTS)
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "SIMSVC_EVENT_STREAM": hooks.url,
        "SIMSVC_EVENT_STREAM_SECRET": SECRET,
    }
    process = subprocess.Popen([sys.executable, "-c", SENDER], env=environment)
    try:
        wait_until(lambda: len(hooks.posted) >= 2)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    later = Clock()
    later.now = datetime.now(UTC) + LEASE + timedelta(seconds=5)
    again = sender(services_of(url, later, event_stream=hooks.url))
    while again.step() == "sent":
        pass
    with services.log.snapshot() as snapshot:
        count = snapshot.count()
    batches = [[json.loads(line)["seq"] for line in body.splitlines()] for body, _ in hooks.posted]
    reached = 0
    for batch in batches:
        assert batch == list(range(batch[0], batch[-1] + 1))
        assert batch[0] <= reached + 1  # repeated or continued, never skipped
        reached = max(reached, batch[-1])
    assert reached == count
