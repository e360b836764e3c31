"""A request is not one that simsvc can answer, or not now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_, Param


class RequestError(SimsvcError):
    """The request is incomplete."""

    code = "bad_request"


class BodyTooSlow(RequestError):
    """The request took too long to arrive."""

    code = "too_slow"
    template = N_(
        "The request took too long to arrive. Nothing was recorded. Try again with a better connection or a "
        "smaller photo."
    )


class FormFromElsewhere(RequestError):
    """The form was sent from another site."""

    code = "form_from_elsewhere"
    template = N_(
        "The form was sent from another site, so it was not accepted. Open this service and submit the form "
        "there."
    )


class CookieMissing(RequestError):
    """The form was sent without a session cookie."""

    code = "no_cookie"
    template = N_(
        "Your browser did not send this service's cookie, so nothing was changed. Allow cookies for this "
        "site, go back, reload the page and submit the form again."
    )


class PhotoMissing(RequestError):
    """The form has no photo."""

    code = "photo_missing"
    templates: ClassVar = {
        "folder": "This is a folder. Use `flask estimate --out TABLE` to estimate the photos in it.",
        "file": "The file does not exist. Check the path and try again.",
        "unreadable": "The file cannot be read. Check its permissions and try again.",
        "path": "The photo cannot be read. Check its path and try again.",
        "upload": N_("No photo was received. Choose a photo and upload it again."),
    }


class NotMultipart(RequestError):
    """The body is not a form with files."""

    code = "not_multipart"
    templates: ClassVar = {
        "photo": N_("Send the photo as the file `photo` in a multipart/form-data request."),
        "photo_or_body": N_(
            "Send the photo as the file `photo` in a multipart/form-data request, or as the whole body with "
            "its own content type, such as image/jpeg."
        ),
        "photos": N_("Send the photos as the files `photos` in a multipart/form-data request."),
    }


class FaceNotFound(RequestError):
    """The reference face does not exist in this build."""

    code = "face_not_found"
    templates: ClassVar = {
        "build": N_("This index build has no face with that ID. Use an ID from an estimate's list."),
        "erased": N_("This reference face has been erased."),
        "unknown": "There is no reference face with that ID. Use an ID from an estimate's list of faces.",
        "rank": N_("This estimate has no reference face at that position. Go back to the list."),
    }


class FacesRefused(RequestError):
    """Reference faces cannot be added, or the age is not valid."""

    code = "faces_refused"
    templates: ClassVar = {
        "age": N_("Ages must be from 0 to %(most_years).0f years. Correct the age and try again."),
        "count": "You can add at most %(most)s faces at once. For more, build an index: `flask index build`.",
        "unusable": N_(
            "None of the photos could be added (%(reasons)s). Choose photos that each show one face that is "
            "not in the index yet."
        ),
    }


class FaceChangeRefused(RequestError):
    """A change of a reference face has no reason, or was not confirmed."""

    code = "face_change_refused"
    templates: ClassVar = {
        "reason": N_("Enter a reason. It is logged with your name."),
        "long": N_("A reason has at most %(most)s characters. Shorten it and try again."),
        "confirm": N_("Nothing was changed. To change it, tick the box and submit again."),
    }


class PlotNotFound(RequestError):
    """The model has no plot with this name."""

    code = "plot_not_found"
    template = N_("This model has no plot with that name. The model page lists the plots it has.")


class ModelChanged(RequestError):
    """A different model from the one that made the estimate is in service."""

    code = "model_changed"
    template = N_(
        "This estimate was made with a different model, so we can no longer show which parts of the face "
        "mattered. Upload the photo again to see them for the current model."
    )


class NotPermitted(RequestError):
    """The role does not allow this."""

    code = "not_permitted"
    templates: ClassVar = {
        "role": N_("Your role does not allow this. Ask an administrator if you need it."),
        "page": N_(
            "Your role does not allow this. Ask an administrator if you need it, or go to the home page."
        ),
    }


class ScopeMissing(RequestError):
    """The token does not have the required scope."""

    code = "scope_missing"
    template = (
        "The token does not have the required scope: %(allowed)s. Ask an administrator for a token that has "
        "it."
    )


class InputRefused(RequestError):
    """Fields of the request are not valid.

    Attributes:
        fields: name of each such field to what is wrong with it.
    """

    code = "input_refused"
    templates: ClassVar = {
        "checkpoint": "A checkpoint needs both seq and sha256. Send both or neither.",
        "fields": "Some fields are not valid: %(names)s. Correct them and send the request again.",
        "key": (
            "An Idempotency-Key must have 1 to 128 visible ASCII characters and no spaces. Send another key."
        ),
        "encoding": "The body is not UTF-8. Encode the JSON as UTF-8 and send it again.",
        "json": "The body is not JSON: line %(line)s, column %(column)s. Correct it and send it again.",
        "surrogate": ("The JSON has a lone surrogate. Correct the text and send it again."),
        "files": (
            "Photos must be sent as the file %(field)s. Remove the other files and send the request again."
        ),
        "photo": "Send the file `photo` and nothing else, or no body at all.",
    }

    def __init__(self, reason: str, /, fields: Mapping[str, str] | None = None, **params: Param) -> None:
        super().__init__(reason, **params)
        self.fields = dict(fields or {})


class NotJson(RequestError):
    """The body is not JSON."""

    code = "not_json"
    template = "Send the body as JSON, with the header Content-Type: application/json."


class JsonRefused(RequestError):
    """The body is not JSON, or has values that no field accepts."""

    code = "json_refused"
    templates: ClassVar = {
        "not_a_number": (
            "The JSON has %(text)s, which is not a number. Send null instead, or leave the field out."
        ),
        "depth": "The JSON has objects or lists more than %(most)s deep. Correct it and send it again.",
        "digits": "The JSON has a number of more than %(most)s digits. Correct it and send it again.",
        "large": "The JSON has a number that is too large. Correct it and send it again.",
        "name_twice": (
            "The JSON has an object with a duplicate name. Remove one of the two and send it again."
        ),
    }


class CursorRefused(RequestError):
    """The cursor is not valid for this list."""

    code = "cursor_refused"
    template = (
        "The cursor is not valid for this list. Use `next` of the previous page, and keep the other fields "
        "unchanged."
    )


class PeriodRefused(RequestError):
    """The periods are not valid."""

    code = "period_refused"
    template = "A period must start before it ends. Correct `since` and `before` and try again."


class NothingJudged(RequestError):
    """The photo was refused, so it has no crop."""

    code = "nothing_judged"
    template = "The photo was refused, so it has no face crop."


class KeyReused(RequestError):
    """The idempotency key was used for a different request."""

    code = "key_reused"
    template = (
        "This Idempotency-Key was used for a different request. Use a new key for each request, and the same "
        "key only to repeat one."
    )


class KeyTaken(RequestError):
    """The same request is already being processed."""

    code = "key_taken"
    templates: ClassVar = {
        "request": "The same request is already being processed. Try again in a moment.",
        "form": N_("This form is already being processed. Wait a moment and submit it again."),
    }


class ModelNotFound(RequestError):
    """No model with this SHA-256 is in service or on record."""

    code = "model_not_found"
    template = "No model with this SHA-256 is in service or on record. See the list of models."


class FormExpired(RequestError):
    """The form does not belong to the current session."""

    code = "form_expired"
    template = N_(
        "The form was open for too long, or your session has ended. Nothing was changed and no records were "
        "lost. Go back, reload the page and submit the form again."
    )


class CaseRefused(RequestError):
    """The case reference is not valid."""

    code = "case_refused"
    templates: ClassVar = {
        "length": N_(
            "Case references can have at most %(most)s visible characters. Shorten it and try again."
        ),
        "path": N_(
            "Case references cannot contain backslashes, and slashes must be between letters or digits. "
            "Correct it and try again."
        ),
    }


class DatesRefused(RequestError):
    """The declared dates are not valid or contradict each other."""

    code = "dates_refused"
    templates: ClassVar = {
        "no_date": "This is no date.",
        "ambiguous": "This date can be read in two ways.",
        "future": N_("A declared date is in the future. Correct it and try again."),
        "order": N_("The photo date is before the birth date. Correct one of them and try again."),
        "age": N_("The birth date is more than %(most_years)s years ago. Correct it and try again."),
        "form": N_("Enter dates as year-month-day, for example 1990-02-28, and try again."),
    }


class DatesUnconfirmed(RequestError):
    """The declared dates contradict the case, and nobody confirmed that they are right."""

    code = "dates_unconfirmed"
    template = N_(
        "The declared dates do not agree with this case. Nothing was recorded. Correct them, or confirm that "
        "they are right."
    )


class PhotosRefused(RequestError):
    """Too many photos in one upload, or several photos without a case."""

    code = "photos_refused"
    templates: ClassVar = {
        "request": "At most %(most)s photos are accepted per request. Send the others in another request.",
        "upload": N_("You can upload at most %(most)s photos at once. Upload them in several parts."),
        "no_case": N_(
            "Photos uploaded together belong to one case. Enter its reference, or choose a single photo."
        ),
    }


class DecisionRefused(RequestError):
    """The decision is incomplete or does not fit its estimate."""

    code = "decision_refused"
    templates: ClassVar = {
        "note": N_("Notes can have at most %(most)s characters. Shorten the note and submit it again."),
        "reason": N_("“Not plausible” needs a reason. Enter it and submit again."),
        "needed": N_("“Need more” needs a note that says what is missing. Enter it and submit again."),
        "kind": N_("Choose Plausible, Not plausible, Need more or Send for review, and submit again."),
        "unreliable": N_(
            "There is no reliable estimate to accept. Choose Not plausible with your age assessment and a "
            "reason, Need more, or Send for review."
        ),
        "age": N_(
            "“Not plausible” needs your age assessment in whole years from 0 to %(most_years)s. Enter it and "
            "submit again."
        ),
        "gone": "The decision created by this request no longer exists. See the list of decisions.",
    }


class DecisionSuperseded(RequestError):
    """Someone else decided while the form was open."""

    code = "decision_superseded"
    template = N_(
        "Someone else recorded a decision while your form was open, so yours was not recorded. Read that "
        "decision, and submit yours again if it should replace it."
    )


class FilterRefused(RequestError):
    """The history filter is not valid."""

    code = "filter_refused"
    templates: ClassVar = {
        "choice": N_("The history cannot be searched for that. Choose from the lists on the page."),
        "dates": N_("Enter dates as year-month-day, for example 2026-02-28, and search again."),
        "ages": N_("Enter ages as numbers from 0 to 130, such as 42, and search again."),
    }


class ViewRefused(RequestError):
    """The view of the history cannot be saved."""

    code = "view_refused"
    templates: ClassVar = {
        "name": N_("Enter a name of 1 to %(most)s characters for the view."),
        "taken": N_("You already have a view with this name. Choose another name, or delete the old view."),
        "many": N_("You can save up to %(most)s views. Delete one that you no longer need."),
    }


class CaseNotFound(RequestError):
    """The case has no estimates."""

    code = "case_not_found"
    template = N_("No estimate has this case reference. Search the history for part of it.")


class SamplesMissing(RequestError):
    """There are no composites to make sample applicants of."""

    code = "samples_missing"
    template = N_(
        "This installation has no demo faces to make samples of. Upload a photo instead, or set "
        "SIMSVC_GALLERY_DIR to the gallery that ships with simsvc."
    )


class Busy(SimsvcError):
    """Too many photos are waiting."""

    code = "busy"
    templates: ClassVar = {
        "queue": N_("The service is busy. Nothing was recorded. Try again in a few seconds."),
        "uploads": N_("Too many large uploads are in progress. Nothing was recorded. Try again in a minute."),
    }
