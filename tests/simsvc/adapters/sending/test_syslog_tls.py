"""Syslog by TLS against a server that speaks it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from simsvc.adapters.sending import syslog
from simsvc.adapters.sending.syslog import Syslog
from simsvc.errors import DeliveryFailed
from simsvc.settings import load_settings
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.receivers import syslog_tcp_server
from tests.tls_receiver import TlsMessages, make_certificate, syslog_tls_server


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsMessages]:
    """A receiver whose authority this machine trusts."""
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with syslog_tls_server(certificate) as messages:
        yield messages


def services_of(folder: Path, **wanted: object) -> Services:
    places = {
        "database_url": sqlite_database(folder / "log.sqlite3"),
        "log_key_file": folder / "key" / "log-key.pem",
    }
    settings = load_settings({}).model_copy(update={**places, **wanted})
    return Services(settings, lambda: datetime.now(UTC))


@pytest.mark.parametrize("ends", ["notify", "close"])
def test_messages_arrive_in_order(receiver: TlsMessages, ends: str) -> None:
    """Also many records of TLS at once, and where the receiver does not announce that it closes."""
    receiver.ends = ends
    sent = [b"<109>1 %d " % number + b"x" * 5_000 for number in range(500)]
    Syslog(receiver.url).send(sent)
    assert receiver.taken == sent
    assert receiver.versions[0] in {"TLSv1.2", "TLSv1.3"}


def test_events_are_streamed(receiver: TlsMessages, tmp_path: Path) -> None:
    """Every event once, in the order of the log."""
    services = services_of(tmp_path, event_stream=receiver.url)
    services.log.note_all(NewEvent(EventKind.EXPORT, COMMAND, f"export:{number}", {}) for number in range(5))
    streamer = services.streamer
    assert streamer is not None
    assert streamer.step() == "sent"
    subjects = [message.partition(b'subject="')[2].partition(b'"')[0] for message in receiver.taken]
    assert subjects[-5:] == [b"export:%d" % number for number in range(5)]
    lag = services.stream_lag()
    assert lag is not None
    assert (lag.events, lag.problem) == (0, None)
    services.database.close()


def test_a_checkpoint_is_witnessed(receiver: TlsMessages, tmp_path: Path) -> None:
    """The message has the size that was signed, and it is remembered that it was taken."""
    services = services_of(tmp_path, witnesses=(receiver.url,))
    services.log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {}))
    size = services.log_keeper.checkpoint().size
    services.witness_thread.round()
    (message,) = receiver.taken
    assert b'size="%d"' % size in message
    assert [status.memory.size for status in services.witness_desk.statuses()] == [size]
    services.database.close()


def test_a_receiver_that_reads_nothing_did_not_take_it(receiver: TlsMessages, tmp_path: Path) -> None:
    """The events stay in the queue, and are sent again."""
    services = services_of(tmp_path, event_stream=receiver.url)
    services.log.note(NewEvent(EventKind.EXPORT, COMMAND, "export:again", {}))
    streamer = services.streamer
    assert streamer is not None
    receiver.ends = "reset"
    streamer.step()
    lag = services.stream_lag()
    assert lag is not None
    assert lag.events > 0
    assert lag.problem
    assert receiver.taken == []
    services.database.close()


def refused(certificate: Path) -> str:
    """Send to a receiver with a certificate, and return why nothing was sent."""
    with syslog_tls_server(certificate) as messages:
        with pytest.raises(DeliveryFailed) as failed:
            Syslog(messages.url).send([b"secret"])
        assert messages.taken == []
    return str(failed.value.params["problem"])


def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    """Nothing is sent to whoever answers in the receiver's place."""
    assert "its certificate is not accepted" in refused(make_certificate(tmp_path))


def test_a_certificate_for_another_host_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although its authority is trusted."""
    certificate = make_certificate(tmp_path, x509.DNSName("log.example"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert "IP address mismatch" in refused(certificate)


def test_a_receiver_without_tls_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that expects plain text is an error, and no fallback."""
    monkeypatch.setattr(syslog, "TIMEOUT_S", 0.5)
    with syslog_tcp_server() as plain:
        plain.answers = False
        with pytest.raises(DeliveryFailed):
            Syslog(plain.url.replace("syslog://", "syslog+tls://")).send([b"secret"])
    assert not any(b"secret" in message for message in plain.taken)
