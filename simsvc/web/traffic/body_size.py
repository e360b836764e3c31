"""How large the body of a request may be, and what is said of one that was not received."""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import Map

from simsvc.errors import BodyTooSlow, Busy
from simsvc.settings import Settings
from simsvc.web.http import prefix
from simsvc.web.http.current import services
from simsvc.web.http.upload import MOST_PARTS, MOST_PHOTOS, ONE_PHOTO, REFUSAL, SEVERAL
from simsvc.web.security import access

MOST_BYTES = 1_000_000
"""Of a body that holds no photo, such as JSON: the longest, a decision with its note, has 10 KB."""
MOST_TEXT_BYTES = 100_000
"""Of the typed fields of a form together: the longest note has 2,000 characters."""
FORM_OVERHEAD_BYTES = 64 * 1024
"""What a form adds to the photo: boundaries, field names, headers."""
BATCH = "batches.create"
LARGE = (BATCH, "imports.create")
"""Uploads of many photos."""


def most_bytes(endpoint: str | None, settings: Settings) -> int:
    """Return how large the body of a request to an endpoint may be."""
    photo = settings.max_upload_bytes + FORM_OVERHEAD_BYTES
    if endpoint in LARGE:
        return settings.max_batch_bytes
    if endpoint in SEVERAL:
        return photo * MOST_PHOTOS
    return photo if endpoint in ONE_PHOTO else MOST_BYTES


class AppDoor:
    """Tells the server, which has seen the headers of a request, how much of the body to receive."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._settings: Settings = app.extensions["simsvc"].settings
        self.largest_bytes = max(most_bytes(endpoint, self._settings) for endpoint in (BATCH, *SEVERAL))

    def most_bytes(self, method: str, path: str) -> int:
        """Return how large the body may be."""
        return most_bytes(_endpoint(self._app.url_map, method, self._local(path)), self._settings)

    def admits(self, environ: dict[str, Any]) -> bool:
        """Say whether who sends the request may call the route at all."""
        with self._app.request_context({**environ, "PATH_INFO": self._local(environ["PATH_INFO"])}):
            try:
                return access.check() is None
            except Exception:
                return False

    def _local(self, path: str) -> str:
        return prefix.local_path(path, self._settings.script_name)


def register(app: Flask) -> None:
    """Bound every body before anything reads it; call it after access is checked."""
    app.config["MAX_FORM_MEMORY_SIZE"] = MOST_TEXT_BYTES
    app.before_request(_bound)
    app.before_request(_refuse)
    app.extensions["simsvc-door"] = AppDoor(app)


def _bound() -> None:
    request.max_content_length = most_bytes(request.endpoint, services().settings)
    if request.endpoint in SEVERAL:
        request.max_form_parts = MOST_PARTS


def _refuse() -> None:
    why = request.environ.get(REFUSAL)
    if why == "too_large":
        raise RequestEntityTooLarge
    if why == "too_slow":
        raise BodyTooSlow()
    if why:
        raise Busy("uploads")


def _endpoint(routes: Map, method: str, path: str) -> str | None:
    try:
        found: tuple[str, Any] = routes.bind("").match(path, method=method)
    except HTTPException:
        return None
    return found[0]
