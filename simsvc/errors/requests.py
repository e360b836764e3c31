"""A request is not one that simsvc can answer, or not now."""

from __future__ import annotations

from collections.abc import Mapping

from simsvc.errors.base import SimsvcError


class RequestError(SimsvcError):
    """The request lacks something."""

    code = "bad_request"


class BodyTooSlow(RequestError):
    """The request came too slowly to be waited for."""

    code = "too_slow"


class FormFromElsewhere(RequestError):
    """A form was sent from another site."""

    code = "form_from_elsewhere"


class CookieMissing(RequestError):
    """A form was sent without the cookie of its session."""

    code = "no_cookie"


class PhotoMissing(RequestError):
    """The form came without a photo."""

    code = "photo_missing"


class NotMultipart(RequestError):
    """The request's body is no form with files."""

    code = "not_multipart"


class FaceNotFound(RequestError):
    """No labelled face has that id in that build."""

    code = "face_not_found"


class FacesRefused(RequestError):
    """Labelled faces that cannot be added, or a label that no face can have."""

    code = "faces_refused"


class PlotNotFound(RequestError):
    """The model came without a plot of that name."""

    code = "plot_not_found"


class ModelChanged(RequestError):
    """What is asked needs the model that made the estimate, and another one is in service."""

    code = "model_changed"


class NotPermitted(RequestError):
    """The role of the account does not allow what is asked."""

    code = "not_permitted"


class ScopeMissing(RequestError):
    """The token has no scope that allows this."""

    code = "scope_missing"


class InputRefused(RequestError):
    """Fields of the request cannot be used.

    Attributes:
        fields: name of each such field to what is wrong with it.
    """

    code = "input_refused"

    def __init__(self, sentence: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.fields = dict(fields or {})


class NotJson(RequestError):
    """The body should be JSON and is something else."""

    code = "not_json"


class JsonRefused(RequestError):
    """The body is not JSON, or such as no field could mean."""

    code = "json_refused"


class CursorRefused(RequestError):
    """The cursor is not one that was given for this list."""

    code = "cursor_refused"


class PeriodRefused(RequestError):
    """The periods cannot be compared."""

    code = "period_refused"


class NothingJudged(RequestError):
    """The photo was refused, and there is no crop of it."""

    code = "nothing_judged"


class KeyReused(RequestError):
    """An idempotency key came with another request before."""

    code = "key_reused"


class KeyTaken(RequestError):
    """The same request with the same idempotency key is being answered."""

    code = "key_taken"


class ModelNotFound(RequestError):
    """No model of that hash is in service or on record."""

    code = "model_not_found"


class FormExpired(RequestError):
    """A form came without the token of the session at hand."""

    code = "form_expired"


class CaseRefused(RequestError):
    """No case can have that reference."""

    code = "case_refused"


class DatesRefused(RequestError):
    """Declared dates that are no dates, or cannot both be right."""

    code = "dates_refused"


class PhotosRefused(RequestError):
    """More photos than one upload may hold, or several without a case."""

    code = "photos_refused"


class DecisionRefused(RequestError):
    """A decision lacks something, or does not fit its estimate."""

    code = "decision_refused"


class DecisionSuperseded(RequestError):
    """Someone else decided while the form was open."""

    code = "decision_superseded"


class FilterRefused(RequestError):
    """The history cannot be searched for that."""

    code = "filter_refused"


class CaseNotFound(RequestError):
    """No estimate belongs to that case."""

    code = "case_not_found"


class Busy(SimsvcError):
    """More photos wait than are judged in reasonable time."""

    code = "busy"
