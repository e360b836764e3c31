"""How often one address or one account may ask for what costs work or could be guessed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from flask import Flask, current_app, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import parse
from limits.errors import ConfigurationError
from werkzeug.exceptions import HTTPException

from simsvc.adapters.ops.redis_options import redis_options
from simsvc.adapters.photos.zip_archive import files_stated
from simsvc.errors import SettingsError, SimsvcError
from simsvc.web.http.current import visitor
from simsvc.web.http.upload import FIELD
from simsvc.web.security.scopes import SCOPES_OF
from simsvc.web.traffic.work import HEAT_MAP_PHOTOS, WALK_REQUESTS, of_work

GUESSED = (
    "sign_in.enter",
    "sign_in.enter_code",
    "sign_in.welcome",
    "sign_in.accept",
    "account.change",
    "second_factor.set_up",
    "oidc.begin",
    "oidc.finish",
)
"""Endpoints that take a password, a code or a token, or ask the OpenID provider.
Source: OWASP Authentication Cheat Sheet, "Login Throttling"."""
UPLOADS = tuple(endpoint for endpoint in of_work("judging", "taking_in") if endpoint != "pictures.saliency")
BATCH, BATCH_FIELD = "batches.create", "photos"


def register(app: Flask) -> None:
    """Limit the rates of the endpoints above; call it when every blueprint is registered.

    Photos count by the piece, whoever sends them and however: alone, in one request, or in a batch. Where the
    shared storage cannot be reached, each worker counts by itself.

    Raises:
        SettingsError: the storage is none.
    """
    settings = app.extensions["simsvc"].settings
    try:
        limiter = Limiter(
            get_remote_address,
            app=app,
            storage_uri=settings.rate_storage,
            storage_options=redis_options(settings.rate_storage),
            strategy="moving-window",
            headers_enabled=True,  # Retry-After
            in_memory_fallback_enabled=True,
            # of several requests that wait when it goes, only the first falls back: the others pass
            swallow_errors=True,
        )
    except ConfigurationError as error:
        raise SettingsError("rate_storage") from error
    photos, requests = parse(settings.upload_rate).amount, parse(settings.api_rate).amount
    of_asker, walking = partial(limiter.shared_limit, key_func=_asker), of_work("walking")
    limits: list[tuple[Iterable[str], Any]] = [
        (GUESSED, limiter.limit(settings.sign_in_rate)),
        (set(UPLOADS) - SCOPES_OF.keys(), limiter.limit(settings.upload_rate)),
        (
            of_work("judging", "taking_in"),
            of_asker(settings.upload_rate, "photos", cost=lambda: _cost(photos)),
        ),
        (walking, of_asker(settings.api_rate, "api", cost=min(WALK_REQUESTS, requests))),
        (SCOPES_OF.keys() - set(walking), of_asker(settings.api_rate, "api")),
    ]
    for endpoints, limit in limits:
        for endpoint in endpoints:
            app.view_functions[endpoint] = limit(app.view_functions[endpoint])


def _cost(most: int) -> int:
    """Return what a request costs of a rate of so many photos: a batch at most half, so that it can pass."""
    try:
        count = photos_sent()
    except (HTTPException, SimsvcError, OSError):  # the view meets it again, and answers
        return 1
    except Exception:  # which the limiter would take for one of its storage
        current_app.logger.exception("the photos of a request cannot be counted")
        return 1
    return min(count, max(1, most // 2) if request.endpoint == BATCH else most)


def photos_sent() -> int:
    """Count the photos of a request, packed or not; a heat map counts for those it costs as much as."""
    if request.endpoint == "pictures.saliency":
        return HEAT_MAP_PHOTOS
    if request.endpoint == "imports.create":
        return 1  # its photos are checked by a process of their own, one import at a time
    if request.endpoint != BATCH:
        return max(1, len(request.files.getlist(FIELD)))
    count: int | None = g.get("photo_count")
    if count is None:
        count = sum(files_stated(part.stream) for part in request.files.getlist(BATCH_FIELD))
        g.photo_count = count
    return max(1, count)


def _asker() -> str:
    """Name who asks: a token, an account, or else an address."""
    token = g.get("token")
    if token is not None:
        return f"token {token.id}"
    user = visitor()
    return f"user {user.id}" if user else f"address {get_remote_address()}"
