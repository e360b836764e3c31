"""Reasons why a server could not be reached."""

from __future__ import annotations

import socket
import ssl

import pytest

from simsvc.adapters.sending.http_client import request
from simsvc.adapters.sending.network_problem import network_problem
from simsvc.errors import DeliveryFailed


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(-2, "Name or service not known"), "its host name is not known"),
        (TimeoutError("timed out"), "no answer in time"),
        (ConnectionRefusedError(111, "Connection refused"), "the connection was refused"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection was closed"),
        (BrokenPipeError(32, "Broken pipe"), "the connection was closed"),
        ("unknown url type: x", "unknown url type: x"),
        (ssl.SSLError("wrong version number"), "SSLError: ('wrong version number',)"),
    ],
)
def test_reasons_are_words(error: BaseException | str, reason: str) -> None:
    """The usual reasons are said in words, and unusual ones as the library says them."""
    assert network_problem(error) == reason


def test_a_port_without_a_server_is_refused() -> None:
    """A request to a port that nobody listens on fails for that reason."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(DeliveryFailed) as failed:
            request("GET", f"http://127.0.0.1:{taken.getsockname()[1]}/", None, {})
    assert failed.value.params["problem"] == "the connection was refused"
