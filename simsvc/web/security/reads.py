"""Who opens records and cases: one table of the routes that show one, and the note after each answer.

A page with its pictures is one view. A page's pictures have a mark in their addresses: a keyed digest of
session, record and time, so that any worker knows them for a minute as parts of what the session was just
shown. It opens nothing. A picture that is fetched without the page, or later, is a view by itself.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g, request

from simsvc.errors import ReadsNotLogged
from simsvc.values.audit.reads import Opened, Read
from simsvc.values.events import actor_of
from simsvc.web.http.current import services, visitor
from simsvc.web.http.errors import answer
from simsvc.web.security.sessions import current_session

VIEW_S = 60
"""How long after a page its pictures are parts of it."""
STEP_S = 20
"""How long a mark stays the same, so that pages which renew themselves every second load no picture again."""
MOST_VIEWS = 10_000
"""Of sessions and records that a worker remembers for that long: 2 MB."""
MARK, MARK_CHARACTERS = "view", 32


@dataclass(frozen=True, slots=True)
class Shows:
    """What a route shows of the record `public_id` or the case `reference` in its path.

    `part` is True for what pages load by themselves.
    """

    what: Opened
    part: bool = False


SHOWS: dict[str, Shows] = {
    **dict.fromkeys(("pages.show", "pages.compare", "replays.show"), Shows("page")),
    **dict.fromkeys(("cases.show", "reports.verify"), Shows("page")),
    "cases.faces": Shows("page", part=True),
    "pictures.crop": Shows("crop", part=True),
    "pictures.thumbnail": Shows("thumbnail", part=True),
    "pictures.saliency": Shows("heat_map", part=True),
    **dict.fromkeys(("api_estimates.show", "api_estimates.neighbours", "api_cases.show"), Shows("api")),
    **dict.fromkeys(("api_decisions.list_all", "api_referrals.show"), Shows("api")),
    "api_estimates.crop": Shows("crop"),
}
"""Endpoints whose answers to GET are views. Exports and replays have events of their own, written before the
answer; lists and searches are no views of each of their records."""
PICTURES = frozenset({"pictures.crop", "pictures.thumbnail", "pictures.saliency"})


def register(app: Flask) -> None:
    """Note views after each answer, and mark the pictures of pages."""
    if not app.extensions["simsvc"].settings.audits_reads:
        app.add_template_global(lambda _shown: None, "view_mark")
        return
    secret_key = str(app.config["SECRET_KEY"]).encode()
    app.extensions["simsvc-views"] = _Views(hmac.digest(secret_key, b"simsvc: views", "sha256"))
    app.after_request(_note)
    app.url_defaults(_mark_pictures)
    app.add_template_global(view_mark)


def opened_record(public_id: str) -> None:
    """Say which record the answer shows, for a view whose path does not."""
    g.opened_record = public_id


def view_mark(shown: str) -> str | None:
    """Return the mark of a part of the page at hand that shows a record or case; None without a session."""
    held = current_session()
    return _mark(held.number, shown, int(time.time()) // STEP_S * STEP_S) if held else None


def _mark_pictures(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint in PICTURES and (mark := view_mark(values["public_id"])):
        values[MARK] = mark


def _mark(session: int, shown: str, now_s: int) -> str:
    message = f"{session}:{now_s}:{shown}".encode("utf-8", "surrogatepass")
    key: bytes = current_app.extensions["simsvc-views"].key
    return f"{now_s:x}.{hmac.digest(key, message, 'sha256').hex()[:MARK_CHARACTERS]}"


def _is_marked(session: int, shown: str) -> bool:
    """Return whether the address has a mark of the last minute for this session and record."""
    written, _, _ = (mark := request.args.get(MARK, "")).partition(".")
    try:
        made_s = int(written, 16)
    except ValueError:
        return False
    is_recent = 0 <= time.time() - made_s <= VIEW_S
    return is_recent and hmac.compare_digest(mark.encode(), _mark(session, shown, made_s).encode())


class _Views:
    """What each session was shown in the last minute, as far as this worker knows, and the key of marks."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[int, str], float] = OrderedDict()

    def add(self, session: int, shown: str) -> None:
        """Remember that a session was shown a page of a record or case."""
        with self._lock:
            self._seen[(session, shown)] = time.monotonic()
            self._seen.move_to_end((session, shown))
            if len(self._seen) > MOST_VIEWS:
                self._seen.popitem(last=False)

    def has(self, session: int, shown: str) -> bool:
        """Return whether a session was."""
        with self._lock:
            return time.monotonic() - self._seen.get((session, shown), -VIEW_S) < VIEW_S


def _note(response: Response) -> Response:
    """Note that the answer shows a record or case; an answer without content, such as 304, shows nothing."""
    shows = SHOWS.get(request.endpoint or "")
    if shows is None or response.status_code != 200 or request.method != "GET":
        return response
    record = str(g.get("opened_record") or (request.view_args or {}).get("public_id", ""))
    case = "" if record else str((request.view_args or {}).get("reference", ""))
    if not (record or case) or _is_part(shows, record or case):
        return response
    try:
        services().read_log.note(_read(shows, record, case))
    except ReadsNotLogged as error:
        response.close()
        return current_app.make_response(answer(error))
    return response


def _is_part(shows: Shows, shown: str) -> bool:
    """Return whether the answer is a part of a page that its session was shown; remember such pages."""
    held, views = current_session(), current_app.extensions["simsvc-views"]
    if held is None:
        return False
    if shows.part:
        return views.has(held.number, shown) or _is_marked(held.number, shown)
    views.add(held.number, shown)
    return False


def _read(shows: Shows, record: str, case: str) -> Read:
    by: dict[str, str | int] = {}
    if (token := g.get("token")) is not None:
        actor, by["token"] = token.actor, token.id
    else:
        user, held = visitor(), current_session()
        actor = actor_of(user.id if user else None)
        if held is not None:
            by["session"] = held.number
    if services().settings.log_addresses and request.remote_addr:
        by["address"] = request.remote_addr
    return Read(actor, shows.what, str(request.endpoint), services().now(), record, case, by)
