"""What a command works with: the services of the installation."""

from __future__ import annotations

from flask import current_app

from simsvc.wiring.services import Services


def services() -> Services:
    """Return the services of the current application."""
    found: Services = current_app.extensions["simsvc"]
    return found
