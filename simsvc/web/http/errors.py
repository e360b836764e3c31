"""The one table from errors to HTTP statuses, and the two forms in which a client sees an error."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any

from flask import Flask, g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from simsvc.errors import (
    AccountError,
    BackupRefused,
    BatchError,
    BatchNotFound,
    BatchQuota,
    BatchTooLarge,
    BatchUnwritable,
    BodyTooSlow,
    BuildGone,
    BuildNotFound,
    BundleError,
    Busy,
    CaseNotFound,
    CaseRefused,
    CursorRefused,
    DatesRefused,
    DecisionRefused,
    DecisionSuperseded,
    DecoderMissing,
    DiskUnfit,
    EstimateErased,
    EstimateNotFound,
    FaceError,
    FaceNotFound,
    FacesRefused,
    FilterRefused,
    IndexUnusable,
    InputRefused,
    KeepError,
    KeyReused,
    KeyTaken,
    LastAdmin,
    LinkSpent,
    ModelChanged,
    ModelGone,
    ModelNotFound,
    NameTaken,
    NothingJudged,
    NotJson,
    NotMultipart,
    NotPermitted,
    PeriodRefused,
    PhotoError,
    PhotoLocked,
    PhotoNotKept,
    PhotosRefused,
    PhotoTooManyBytes,
    PlotNotFound,
    RequestError,
    ResultsRefused,
    RetireRefused,
    ScopeMissing,
    SettingsError,
    SignInRefused,
    SimsvcError,
    SourceError,
    StoreError,
    TableUnreadable,
    TokenNotFound,
    TokenRefused,
    UserNotFound,
)
from simsvc.web.http.problems import problem
from simsvc.web.http.refilled_form import refills_form, typed_page
from simsvc.web.http.upload import REFUSAL, drain

STATUS: dict[type[SimsvcError], int] = {
    PhotoTooManyBytes: 413,
    PhotoError: 422,
    FaceError: 422,
    NotMultipart: 415,
    FaceNotFound: 404,
    FacesRefused: 422,
    BuildNotFound: 404,
    EstimateErased: 410,
    EstimateNotFound: 404,
    PlotNotFound: 404,
    ModelChanged: 409,
    NotPermitted: 403,
    TokenRefused: 401,
    ScopeMissing: 403,
    TokenNotFound: 404,
    ModelNotFound: 404,
    InputRefused: 422,
    NotJson: 415,
    CursorRefused: 422,
    PeriodRefused: 422,
    KeyReused: 422,
    KeyTaken: 409,
    NothingJudged: 409,
    SignInRefused: 403,
    UserNotFound: 404,
    NameTaken: 409,
    LastAdmin: 409,
    LinkSpent: 410,
    AccountError: 422,
    BatchNotFound: 404,
    BatchTooLarge: 413,
    BatchQuota: 429,
    BatchUnwritable: 503,
    BatchError: 422,
    TableUnreadable: 422,
    CaseNotFound: 404,
    CaseRefused: 422,
    DatesRefused: 422,
    PhotosRefused: 422,
    DecisionRefused: 422,
    DecisionSuperseded: 409,
    FilterRefused: 422,
    PhotoNotKept: 409,
    PhotoLocked: 503,
    ModelGone: 410,
    BuildGone: 410,
    RetireRefused: 409,
    KeepError: 422,
    BodyTooSlow: 408,
    RequestError: 400,
    BundleError: 503,
    Busy: 503,
    DecoderMissing: 503,
    IndexUnusable: 503,
    StoreError: 503,
    SourceError: 500,
    SettingsError: 500,
    DiskUnfit: 503,
    BackupRefused: 500,
    ResultsRefused: 500,
    SimsvcError: 500,
}
"""The nearest class in an error's ancestry decides."""

SENTENCES = {
    400: "The request cannot be understood. Go back and try again.",
    404: "There is nothing at this address. Check it, or start again from the first page.",
    413: "The request holds more text or more parts than are accepted here. Send less and try again.",
    405: "This address does not answer that kind of request. Start again from the first page.",
    429: "Too many requests came in a short time. Wait a minute and try again; nothing was lost.",
    415: "The body of the request is of a kind that is not accepted.",
    500: "Something went wrong on our side. Try again; if it persists, tell the operator the request number.",
}
TAKES_PHOTOS = (
    "pages.create",
    "pages.preview",
    "api_estimates.create",
    "api_estimates.create_batch",
    "api_replays.create",
    "api_faces.add",
)
"""Endpoints of whose requests a photo is the large part."""
BUSY_RETRY_AFTER_S = 2
"""A full queue of `web.traffic.admission` is empty by then: 33 photos of some 30 ms."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._~-]{1,64}")
"""What can stand in a log: no blank, no line break."""

_log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Give the application its error handlers and every request its number."""
    app.before_request(_number_request)
    app.register_error_handler(SimsvcError, answer)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def status_of(error: SimsvcError | type[SimsvcError]) -> int:
    """Return the HTTP status of an error."""
    kind = error if isinstance(error, type) else type(error)
    return next(STATUS[ancestor] for ancestor in kind.__mro__ if ancestor in STATUS)


def is_for_program(path: str) -> bool:
    """Say whether a program reads the answer (JSON) or a person (a page)."""
    return path.startswith("/api/") or path in {"/api", "/healthz", "/readyz", "/metrics"}


def _number_request() -> None:
    """Take the number that a program or a proxy gave the request, where it has the form of one."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex[:16]


def _request_id() -> str:
    return str(g.get("request_id", "none"))


def _problem(
    code: str, sentence: str, status: int, headers: Mapping[str, str] | None = None, **more: object
) -> ResponseReturnValue:
    if is_for_program(request.path):
        return problem(code, sentence, status, request=_request_id(), **more), status, dict(headers or {})
    shown: dict[str, Any] = {
        "code": code,
        "sentence": sentence,
        "status": status,
        "request_number": _request_id(),
    }
    if refills_form(status):
        return typed_page(**shown)
    return render_template("error.html", **shown), status, dict(headers or {})


def answer(error: Exception) -> ResponseReturnValue:
    """Return what a client sees of an error of the tree."""
    assert isinstance(error, SimsvcError)  # noqa: S101 - told to mypy; registered for this class only
    status = status_of(error)
    if status >= 500:
        _log.error("request %s: %s: %s", _request_id(), error.code, error.sentence)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    headers |= {"Retry-After": str(BUSY_RETRY_AFTER_S)} if isinstance(error, Busy) else {}
    more = {"fields": error.fields} if isinstance(error, InputRefused) and error.fields else {}
    return _problem(error.code, error.sentence, status, headers, **more)


def _too_large(error: Exception) -> ResponseReturnValue:
    del error
    drain()
    limit = (request.max_content_length or 0) / 1e6
    if request.endpoint == "batches.create":
        return answer(
            BatchTooLarge(
                f"The upload is too large: at most {limit:.0f} MB are accepted at once. "
                "Send the photos as several batches."
            )
        )
    if request.endpoint in TAKES_PHOTOS and not _has_too_much_text():
        sentence = (
            f"The upload is too large: at most {limit:.0f} MB are accepted. "
            "Save a smaller copy of the photo, or crop it to the face, and try again."
        )
        return _problem(PhotoTooManyBytes.code, sentence, 413)
    return _problem("request_entity_too_large", SENTENCES[413], 413)


def _has_too_much_text() -> bool:
    """Say whether what is too large is not the body as a whole, but what was typed, or how many parts."""
    length = request.content_length
    if request.environ.get(REFUSAL):  # the server let go of a body in chunks, so that its length is not known
        return False
    return length is not None and length <= (request.max_content_length or 0)


def _http(error: Exception) -> ResponseReturnValue:
    assert isinstance(error, HTTPException)  # noqa: S101 - told to mypy; registered for this class only
    status = error.code or 500
    if status < 400:
        return error.get_response()  # a redirect
    name = error.name.lower().replace(" ", "_")
    sentence = SENTENCES.get(status, SENTENCES[400 if status < 500 else 500])
    return _problem(name, sentence, status, _kept_headers(error))


def _kept_headers(error: HTTPException) -> dict[str, str]:
    """Return what such an answer has to say in its headers, such as the methods that are allowed."""
    kept = ("Allow", "Retry-After")
    return {name: value for name, value in error.get_headers() if name in kept}


def _unexpected(error: Exception) -> ResponseReturnValue:
    _log.error("request %s failed", _request_id(), exc_info=error)
    return _problem("internal_error", SENTENCES[500], 500)
