"""Photos and declared data of API requests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from flask import request
from flask_smorest.fields import Upload as UploadField
from marshmallow import ValidationError
from marshmallow.fields import List, String
from marshmallow.validate import Length, Regexp

from simsvc.domain.desk.declared import CASE_CHARACTERS, checked_case, checked_dates, latest_today
from simsvc.errors import InputRefused, PhotosRefused
from simsvc.flows.estimates.estimate import EstimatePipeline, estimate
from simsvc.store.database import InTransaction
from simsvc.store.records.estimates import EstimateStore
from simsvc.values import Declaration, Estimate, RecordedEstimate
from simsvc.values.access.requests import RequestKey
from simsvc.web.api.common.blueprint import refused
from simsvc.web.api.common.idempotency import idempotent, request_key
from simsvc.web.api.common.schemas import Strict
from simsvc.web.http.current import services
from simsvc.web.http.upload import FIELD, Upload, shown_name, uploaded_photo
from simsvc.web.security.scopes import program
from simsvc.web.traffic.admission import give_way

MOST_PHOTOS = 32
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


class Declared(Strict):
    """Declared data of the applicant; all fields are optional."""

    case = String(validate=Length(1, CASE_CHARACTERS), metadata={"description": "Case reference."})
    birth_date = String(
        validate=Regexp(DATE), metadata={"format": "date", "description": "Declared birth date."}
    )
    photo_date = String(
        validate=Regexp(DATE), metadata={"format": "date", "description": "Declared date of the photo."}
    )


_DECLARED = Declared()
"""Created once, because creating a schema copies all of its fields."""


class PhotoForm(Declared):
    """One photo."""

    photo = UploadField(required=True, metadata={"description": "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP ..."})


class PhotosForm(Declared):
    """Several photos."""

    photo = List(
        UploadField(),
        required=True,
        validate=Length(1, MOST_PHOTOS),
        metadata={"description": "One file per photo."},
    )


BARE = {
    f"image/{name}": {"schema": {"type": "string", "format": "binary"}}
    for name in ("jpeg", "png", "webp", "heic", "avif", "tiff", "bmp")
}
"""Content types of a bare photo, for the document; the bytes decide what a photo is."""


def form_of(schema: type[Strict], *, bare: bool = False) -> dict[str, object]:
    """Describe a form with files for the document; with `bare`, also the photo itself as the body."""
    return {
        "required": True,
        "content": {"multipart/form-data": {"schema": schema}, **(BARE if bare else {})},
    }


def sent_photos(most: int, *, bare: bool = False) -> list[Upload]:
    """Return the photos of the request, in order; with `bare`, the body may be the photo itself.

    Raises:
        NotMultipart: the request is not a form with files.
        PhotoMissing: it has no photo.
        PhotosRefused: it has too many.
        InputRefused: it has files under other names.
    """
    first = uploaded_photo(bare=bare)
    parts = request.files.getlist(FIELD)
    others = set(request.files) - {FIELD}
    if others:
        raise InputRefused("files", fields=dict.fromkeys(sorted(others), "Unknown file."), field=FIELD)
    if len(parts) > most:
        raise PhotosRefused("request", most=most)
    return [first, *(Upload(part.stream, shown_name(part.filename or "")) for part in parts[1:])]


def declaration() -> Declaration:
    """Return the declared data of the request.

    Raises:
        InputRefused: a field is unknown or not valid.
        CaseRefused: the case reference is not valid.
        DatesRefused: the dates are not possible.
    """
    if not request.form:
        return Declaration()
    try:
        sent = _DECLARED.load(request.form.to_dict())
    except ValidationError as error:
        raise refused(error) from None
    today = latest_today(services().now())
    born, taken = checked_dates(sent.get("birth_date", ""), sent.get("photo_date", ""), today)
    return Declaration(checked_case(sent.get("case", "")), born, taken)


def judged(uploads: list[Upload], declared: Declaration) -> list[RecordedEstimate]:
    """Estimate ages one by one; with an idempotency key, photos done earlier are read from their records.

    Raises:
        KeyReused: the key came with another request before.
        IndexUnusable: no index can be used.
        BundleError: the model cannot be used.
        StoreError: a result cannot be recorded.
    """
    key = request_key(lambda: [*([hashlib.sha256(up.data).hexdigest(), up.name] for up in uploads), declared])
    pipeline = services().pipeline()
    return [_judged(upload, declared, pipeline, key, place) for place, upload in enumerate(uploads)]


def _judged(
    upload: Upload, declared: Declaration, pipeline: EstimatePipeline, key: RequestKey | None, place: int
) -> RecordedEstimate:
    if place:
        give_way()

    def make(in_transaction: InTransaction | None) -> RecordedEstimate:
        recorder = RecorderInTransaction(services().estimates, in_transaction)
        with_key = replace(pipeline, recorder=recorder)
        return estimate(upload.data, upload.name, with_key, program().actor, declared)

    return idempotent(key, make, services().estimates.find, place)


@dataclass(frozen=True, slots=True)
class RecorderInTransaction:
    """Recorder port that puts something else on record in the same transaction."""

    estimates: EstimateStore
    in_transaction: InTransaction | None

    def record(self, estimate: Estimate) -> RecordedEstimate:
        """Store the estimate.

        Raises:
            StoreError: the database cannot be written.
        """
        return self.estimates.record(estimate, self.in_transaction)
