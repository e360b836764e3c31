"""The one table from errors to HTTP statuses, and the two forms in which a client sees an error."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from simsvc import errors
from simsvc.errors import BatchTooLarge, Busy, ImportTooLarge, InputRefused, PhotoTooManyBytes, SimsvcError
from simsvc.messages import N_, Message
from simsvc.web.http.problems import problem
from simsvc.web.http.refilled_form import refills_form, typed_page
from simsvc.web.http.upload import ONE_PHOTO, REFUSAL, SEVERAL, drain

STATUS: dict[type[SimsvcError], int] = {
    errors.RequestError: 400,
    errors.TokenRefused: 401,
    **dict.fromkeys((errors.NotPermitted, errors.ScopeMissing, errors.SignInRefused), 403),
    **dict.fromkeys((errors.CodeRefused, errors.PasswordsOff, errors.OidcRefused), 403),
    **dict.fromkeys((errors.FaceNotFound, errors.BuildNotFound, errors.EstimateNotFound), 404),
    **dict.fromkeys((errors.PlotNotFound, errors.TokenNotFound, errors.ModelNotFound), 404),
    **dict.fromkeys((errors.UserNotFound, errors.BatchNotFound, errors.CaseNotFound), 404),
    errors.BodyTooSlow: 408,
    **dict.fromkeys((errors.ModelChanged, errors.KeyTaken, errors.NothingJudged, errors.NameTaken), 409),
    **dict.fromkeys((errors.LastAdmin, errors.DecisionSuperseded, errors.PhotoNotKept), 409),
    **dict.fromkeys((errors.RetireRefused, errors.SamplesMissing, errors.VerificationRefused), 409),
    **dict.fromkeys((errors.CheckpointMissing, errors.ProofRefused), 404),
    errors.ReferralNotFound: 404,
    **dict.fromkeys((errors.ReferralExists, errors.ReferralChanged), 409),
    errors.ReferralError: 422,
    errors.ImportNotFound: 404,
    errors.ImportBusy: 409,
    errors.ImportTooLarge: 413,
    **dict.fromkeys((errors.FaceImportError, errors.FaceChangeRefused), 422),
    errors.SecondFactorNeeded: 409,
    **dict.fromkeys((errors.EstimateErased, errors.LinkSpent, errors.ModelGone, errors.BuildGone), 410),
    **dict.fromkeys((errors.PhotoTooManyBytes, errors.BatchTooLarge), 413),
    **dict.fromkeys((errors.NotMultipart, errors.NotJson), 415),
    **dict.fromkeys((errors.PhotoError, errors.FaceError, errors.FacesRefused, errors.InputRefused), 422),
    **dict.fromkeys((errors.CursorRefused, errors.PeriodRefused, errors.KeyReused), 422),
    **dict.fromkeys((errors.AccountError, errors.BatchError, errors.TableUnreadable), 422),
    **dict.fromkeys((errors.CaseRefused, errors.DatesRefused, errors.PhotosRefused), 422),
    **dict.fromkeys((errors.DatesUnconfirmed, errors.ReportCodeRefused), 422),
    **dict.fromkeys((errors.DecisionRefused, errors.FilterRefused, errors.KeepError), 422),
    errors.EvidenceRefused: 422,
    errors.ViewRefused: 422,
    errors.BatchQuota: 429,
    **dict.fromkeys((errors.SourceError, errors.SettingsError, errors.BackupRefused), 500),
    **dict.fromkeys((errors.AdoptionRefused, errors.ResultsRefused, errors.SimsvcError), 500),
    **dict.fromkeys((errors.BatchUnwritable, errors.PhotoLocked, errors.BundleError, errors.Busy), 503),
    **dict.fromkeys((errors.DecoderMissing, errors.IndexUnusable, errors.StoreError), 503),
    **dict.fromkeys((errors.DiskUnfit, errors.LogDiffers, errors.LogKeyRefused), 503),
    **dict.fromkeys((errors.WitnessMissing, errors.PartUnfit, errors.HostRefused), 503),
    errors.OidcUnreachable: 503,
    errors.ObjectMissing: 500,
    errors.ObjectsUnavailable: 503,
}
"""The nearest class in an error's ancestry decides."""

SENTENCES = {
    400: N_("We could not understand the request. Go back and try again."),
    404: N_("This page does not exist. Check the address, or go to the home page."),
    413: N_("The request is too large. Send less text or fewer files and try again."),
    405: N_("This page does not support this kind of request. Go to the home page."),
    429: N_("Too many requests. Wait a minute and try again; nothing was lost."),
    415: N_("The content type of the request is not supported."),
    500: N_(
        "Something went wrong. Try again. If the problem persists, tell the operator the request number."
    ),
}
RETRY_AFTER_S: dict[type[SimsvcError], int] = {
    Busy: 2,  # a full queue of `web.traffic.admission` is empty by then: 33 photos of some 30 ms
    errors.StoreError: 2,  # a database is tried again after a second (`store.postgres.CLOSED_S`)
    errors.HostRefused: 10,  # a host looks at the others every ten seconds
    errors.ObjectsUnavailable: 10,  # after two attempts of the object store's client
    **dict.fromkeys((errors.IndexUnreachable, errors.BundleUnreachable), 10),
}
"""When a client may try again what was answered 503; the nearest class in an error's ancestry decides."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._~-]{1,64}")
"""What can stand in a log: no blank, no line break."""

_log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Give the application its error handlers and every request its number."""
    app.before_request(_number_request)
    app.after_request(_say_when)
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
    code: str, said: Message, status: int, headers: Mapping[str, str] | None = None, **more: object
) -> ResponseReturnValue:
    if is_for_program(request.path):
        return problem(code, str(said), status, request=_request_id(), **more), status, dict(headers or {})
    shown: dict[str, Any] = {
        "code": code,
        "sentence": said,
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
    if status == 503:
        g.retry_after_s = _retry_after_s(error)
    more = {"fields": error.fields} if isinstance(error, InputRefused) and error.fields else {}
    return _problem(error.code, error.message, status, headers, **more)


def _retry_after_s(error: SimsvcError) -> int | None:
    """Return when an error may have gone away by itself, or None."""
    if isinstance(error, errors.ObjectsRefused):
        return None
    return next((RETRY_AFTER_S[kind] for kind in type(error).__mro__ if kind in RETRY_AFTER_S), None)


def _say_when(response: Response) -> Response:
    """Say when to try again what was answered 503; registered early, so that it is not the limiter's time."""
    after_s = g.get("retry_after_s")
    if after_s is not None and response.status_code == 503:
        response.headers["Retry-After"] = str(after_s)
    return response


def _too_large(error: Exception) -> ResponseReturnValue:
    del error
    drain()
    limit = (request.max_content_length or 0) / 1e6
    if request.endpoint == "batches.create":
        return answer(BatchTooLarge("upload", most_mb=limit))
    if request.endpoint == "imports.create":
        return answer(ImportTooLarge("upload", most_mb=limit))
    if request.endpoint in (*ONE_PHOTO, *SEVERAL) and not _has_too_much_text():
        return answer(PhotoTooManyBytes("upload", most_mb=limit))
    return _problem("request_entity_too_large", Message(SENTENCES[413]), 413)


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
    headers = {key: value for key, value in error.get_headers() if key in {"Allow", "Retry-After"}}
    return _problem(name, Message(sentence), status, headers)


def _unexpected(error: Exception) -> ResponseReturnValue:
    _log.error("request %s failed", _request_id(), exc_info=error)
    return _problem("internal_error", Message(SENTENCES[500]), 500)
