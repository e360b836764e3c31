"""What the request at hand works with: the services, and the person who asks."""

from __future__ import annotations

from collections.abc import Iterable

from flask import current_app, g, request

from simsvc.values import User
from simsvc.values.events import Event, EventKind, NewEvent
from simsvc.wiring.services import Services


def services() -> Services:
    """Return the services, which find what whoever asks may see, once `web.security.access` knows who."""
    found = g.get("services") or current_app.extensions["simsvc"]
    assert isinstance(found, Services)  # noqa: S101 - told to mypy; create_app put it there
    return found


def visitor() -> User | None:
    """Return the account that is signed in, or None, as `web.security.access` found it."""
    user: User | None = g.get("user")
    return user


def person() -> User:
    """Return the account that is signed in, for a view that the access table opens to roles only."""
    user = visitor()
    assert user is not None  # noqa: S101 - told to mypy; web.access lets nobody else through
    return user


def page_number(last: int = 1_000_000) -> int:
    """Return the page that the address asks for, from 1 to `last`; 1 where it names none."""
    return min(max(1, request.args.get("page", 1, type=int)), last)


def note_export(subject: str, **said: object) -> Event:
    """Log that whoever asks takes records out, before they are given; nothing personal may be said."""
    return note_exports([subject], **said)[0]


def note_exports(subjects: Iterable[str], **said: object) -> tuple[Event, ...]:
    """Log the same of several subjects, together."""
    actor = exporter()
    return services().log.note_all(NewEvent(EventKind.EXPORT, actor, subject, said) for subject in subjects)


def exporter() -> str:
    """Return the actor of an export: the token of a program, or the person who is signed in."""
    token = g.get("token")
    return str(token.actor) if token is not None else f"user:{person().id}"
