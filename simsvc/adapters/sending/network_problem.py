"""Why a server could not be reached, in words."""

from __future__ import annotations

import socket
import ssl


def network_problem(error: BaseException | str) -> str:
    """Return the reason why a request or a connection failed, without the name of the server."""
    if isinstance(error, socket.gaierror):
        return "its host name is not known"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "the connection was closed"
    return error if isinstance(error, str) else f"{type(error).__name__}: {error}"
