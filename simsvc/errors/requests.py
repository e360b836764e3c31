"""A request is not one that simsvc can answer, or not now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_, Param


class RequestError(SimsvcError):
    """The request lacks something."""

    code = "bad_request"


class BodyTooSlow(RequestError):
    """The request came too slowly to be waited for."""

    code = "too_slow"
    template = N_(
        "The request came too slowly and was not waited for. Nothing was recorded. Try again, with a better "
        "connection or a smaller photo."
    )


class FormFromElsewhere(RequestError):
    """A form was sent from another site."""

    code = "form_from_elsewhere"
    template = N_(
        "The form was sent from another address than that of this service, so it was not taken. Open the "
        "service itself and send the form there."
    )


class CookieMissing(RequestError):
    """A form was sent without the cookie of its session."""

    code = "no_cookie"
    template = N_(
        "The browser sent no cookie of this service with the form, so nothing was changed. Allow cookies for "
        "this address, go back, reload the page and send the form again."
    )


class PhotoMissing(RequestError):
    """The form came without a photo."""

    code = "photo_missing"
    templates: ClassVar = {
        "folder": "This is a folder. Judge the photos in it with `flask estimate --out TABLE`.",
        "file": "There is no such file. Check the path and try again.",
        "unreadable": "The file cannot be read. Check its permissions and try again.",
        "path": "The photo cannot be read. Check its path and try again.",
        "upload": N_("No photo came with the request. Choose a photo and send it again."),
    }


class NotMultipart(RequestError):
    """The request's body is no form with files."""

    code = "not_multipart"
    templates: ClassVar = {
        "photo": N_("Send the photo as the file `photo` of a multipart/form-data request."),
        "photo_or_body": N_(
            "Send the photo as the file `photo` of a multipart/form-data request, or as the whole body with "
            "its own type, such as image/jpeg."
        ),
        "photos": N_("Send the photos as the files `photos` of a multipart/form-data request."),
    }


class FaceNotFound(RequestError):
    """No labelled face has that id in that build."""

    code = "face_not_found"
    templates: ClassVar = {
        "build": N_("This index build holds no face of that id. Take an id from an estimate's list."),
        "erased": N_("This labelled face was erased. Nothing of it is kept."),
        "unknown": "There is no labelled face of that id. Take an id from an estimate's list of faces.",
        "rank": N_("This estimate has no labelled face of that rank. Go back to its list."),
    }


class FacesRefused(RequestError):
    """Labelled faces that cannot be added, or a label that no face can have."""

    code = "faces_refused"
    templates: ClassVar = {
        "age": "An age lies between 0 and %(most_years).0f years. Correct it and try again.",
        "count": "At most %(most)s faces are added at once. Build an index of them: `flask index build`.",
        "unusable": (
            "None of the photos could be added (%(reasons)s). Choose photos that each show one face which "
            "the index does not hold yet."
        ),
    }


class PlotNotFound(RequestError):
    """The model came without a plot of that name."""

    code = "plot_not_found"
    template = N_("This model came without a plot of that name. Look at the model page for those it has.")


class ModelChanged(RequestError):
    """What is asked needs the model that made the estimate, and another one is in service."""

    code = "model_changed"
    template = N_(
        "This estimate was made with another model than the one now in service, so where it came from can no "
        "longer be shown. Upload the photo again to see it for the present model."
    )


class NotPermitted(RequestError):
    """The role of the account does not allow what is asked."""

    code = "not_permitted"
    templates: ClassVar = {
        "role": N_("Your role does not allow this. Ask an administrator if you need it."),
        "page": N_(
            "Your role does not allow this. Ask an administrator if you need it, or go back to the first "
            "page."
        ),
    }


class ScopeMissing(RequestError):
    """The token has no scope that allows this."""

    code = "scope_missing"
    template = (
        "The token lacks the scope that this needs: %(allowed)s. Ask an administrator for a token that has "
        "it."
    )


class InputRefused(RequestError):
    """Fields of the request cannot be used.

    Attributes:
        fields: name of each such field to what is wrong with it.
    """

    code = "input_refused"
    templates: ClassVar = {
        "checkpoint": "A checkpoint needs both seq and sha256. Send both or neither.",
        "fields": "Some fields cannot be used: %(names)s. Correct them and send the request again.",
        "key": "An Idempotency-Key has 1 to 128 visible ASCII characters and no blank. Send another one.",
        "encoding": "The body is not UTF-8. Write the JSON in UTF-8 and send it again.",
        "json": "The body is not JSON: line %(line)s, column %(column)s. Correct it and send it again.",
        "surrogate": (
            "The JSON has half of a character: a surrogate without its other half. Correct the text and send "
            "it again."
        ),
        "files": (
            "Photos are sent as the file %(field)s. Leave the other files out and send the request again."
        ),
        "photo": "Send the file `photo` and nothing else, or no body at all.",
    }

    def __init__(self, reason: str, /, fields: Mapping[str, str] | None = None, **params: Param) -> None:
        super().__init__(reason, **params)
        self.fields = dict(fields or {})


class NotJson(RequestError):
    """The body should be JSON and is something else."""

    code = "not_json"
    template = "Send the body as JSON, with the header Content-Type: application/json."


class JsonRefused(RequestError):
    """The body is not JSON, or such as no field could mean."""

    code = "json_refused"
    templates: ClassVar = {
        "not_a_number": "The JSON has %(text)s, which is no number. Send null in its place, or leave it out.",
        "depth": "The JSON has objects or lists more than %(most)s deep. Correct it and send it again.",
        "digits": "The JSON has a number of more than %(most)s digits. Correct it and send it again.",
        "large": "The JSON has a number that is too large. Correct it and send it again.",
        "name_twice": "The JSON has an object with a name twice. Keep one of the two and send it again.",
    }


class CursorRefused(RequestError):
    """The cursor is not one that was given for this list."""

    code = "cursor_refused"
    template = (
        "The cursor is not one of this list. Take `next` of the page before, and leave the other fields as "
        "they were."
    )


class PeriodRefused(RequestError):
    """The periods cannot be compared."""

    code = "period_refused"
    template = "A period begins before it ends. Correct `since` and `before` and ask again."


class NothingJudged(RequestError):
    """The photo was refused, and there is no crop of it."""

    code = "nothing_judged"
    template = "The photo was refused, so that nothing was judged and there is no crop of it."


class KeyReused(RequestError):
    """An idempotency key came with another request before."""

    code = "key_reused"
    template = (
        "This Idempotency-Key came with another request before. Send each request with a key of its own, and "
        "the same one only to repeat it."
    )


class KeyTaken(RequestError):
    """The same request with the same idempotency key is being answered."""

    code = "key_taken"
    templates: ClassVar = {
        "request": "The same request is being answered just now. Send it again.",
        "form": N_("The same form is being answered just now. Wait a moment and send it again."),
    }


class ModelNotFound(RequestError):
    """No model of that hash is in service or on record."""

    code = "model_not_found"
    template = "No model of this sha256 is in service or on record. Read the list of models."


class FormExpired(RequestError):
    """A form came without the token of the session at hand."""

    code = "form_expired"
    template = N_(
        "The form was open for too long, or belongs to a session that has ended. Nothing was changed, and "
        "nothing on record was lost. Go back, reload the page and send the form again."
    )


class CaseRefused(RequestError):
    """No case can have that reference."""

    code = "case_refused"
    templates: ClassVar = {
        "length": N_(
            "A case reference has at most %(most)s characters that can be seen. Shorten it and try again."
        ),
        "path": N_(
            "A case reference holds no backslash, and its slashes have letters or digits on both sides. "
            "Correct it and try again."
        ),
    }


class DatesRefused(RequestError):
    """Declared dates that are no dates, or cannot both be right."""

    code = "dates_refused"
    templates: ClassVar = {
        "no_date": "This is no date.",
        "ambiguous": "This date can be read in two ways.",
        "future": N_("A declared date lies in the future. Correct it and try again."),
        "order": N_("The photo's date lies before the birth date. Correct one of them and try again."),
        "age": N_("The birth date lies more than %(most_years)s years back. Correct it and try again."),
        "form": N_("Write dates as year-month-day, such as 1990-02-28, and try again."),
    }


class PhotosRefused(RequestError):
    """More photos than one upload may hold, or several without a case."""

    code = "photos_refused"
    templates: ClassVar = {
        "request": "At most %(most)s photos are taken in this request. Send the others in another one.",
        "upload": N_("At most %(most)s photos are taken at once. Send them in several parts."),
        "no_case": N_(
            "Several photos at once belong to one case. Write its reference, or choose a single photo."
        ),
    }


class DecisionRefused(RequestError):
    """A decision lacks something, or does not fit its estimate."""

    code = "decision_refused"
    templates: ClassVar = {
        "note": N_("A note has at most %(most)s characters. Shorten it and send it again."),
        "reason": N_("An override needs a reason. Write why the age is another one, and send again."),
        "kind": N_("Choose accept, override or refer, and send the form again."),
        "unreliable": N_(
            "There is no estimate here that could be relied on. Override with an age and a reason, or refer "
            "the case to a person."
        ),
        "age": N_(
            "An override needs an age in whole years from 0 to %(most_years)s. Write it and send again."
        ),
        "gone": "The decision that this request made is gone. Read the list of decisions.",
    }


class DecisionSuperseded(RequestError):
    """Someone else decided while the form was open."""

    code = "decision_superseded"
    template = N_(
        "Someone decided on this record while your form was open. Nothing of yours was recorded. Read that "
        "decision, and send yours again if it should take its place."
    )


class FilterRefused(RequestError):
    """The history cannot be searched for that."""

    code = "filter_refused"
    templates: ClassVar = {
        "choice": N_("The history cannot be searched for that. Choose from the lists of its page."),
        "dates": N_("Write dates as year-month-day, such as 2026-02-28, and search again."),
    }


class CaseNotFound(RequestError):
    """No estimate belongs to that case."""

    code = "case_not_found"
    template = N_("No estimate has this case reference. Search the history for a part of it.")


class Busy(SimsvcError):
    """More photos wait than are judged in reasonable time."""

    code = "busy"
    templates: ClassVar = {
        "queue": N_(
            "Too many requests wait for their turn just now. Try again in a few seconds; nothing was "
            "recorded."
        ),
        "uploads": N_(
            "Too many large uploads are on their way just now. Nothing was recorded. Try again in a minute."
        ),
    }
