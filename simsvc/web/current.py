"""What the request at hand works with."""

from __future__ import annotations

from flask import current_app

from simsvc.wiring import Services


def services() -> Services:
    """Return the services of the current application."""
    found = current_app.extensions["simsvc"]
    assert isinstance(found, Services)  # noqa: S101 - told to mypy; create_app put it there
    return found
