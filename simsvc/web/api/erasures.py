"""/api/v1/.../erasure: estimates, cases and labelled faces erased for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue
from marshmallow import fields, validate

from simsvc.domain.desk.declared import CASE_CHARACTERS
from simsvc.values.erasure import Receipt as MadeReceipt
from simsvc.web.api.blueprint import IN_PATH, Resource
from simsvc.web.api.faces import FACE_IN_PATH
from simsvc.web.api.fields import NO_CONTROL, Text
from simsvc.web.api.schemas import Strict, needed
from simsvc.web.http.current import services
from simsvc.web.security.scopes import program
from simsvc.wiring.erasure import eraser

resource = Resource("erasures", __name__, "Erase for good. A receipt stays in the log and names nobody.")


class ErasedCase(Strict):
    """Which case is to be erased; in the body, so that it stands in no access log."""

    case = Text(
        required=True,
        validate=[validate.Length(1, CASE_CHARACTERS), validate.Regexp(NO_CONTROL)],
        metadata={"description": "Its whole reference."},
    )


class Erasure(Strict):
    """That something was erased."""

    event = needed(fields.Integer, "Number of the receipt in the log.")
    counts = needed(fields.Dict, "How much of what.", keys=fields.String(), values=fields.Integer())
    builds = needed(
        fields.List,
        "Index builds whose files hold an erased face until they are retired.",
        cls_or_instance=fields.String(),
    )
    finished = needed(
        fields.Boolean,
        "Whether the files of the database hold no copies of erased rows; where they do, the service "
        "overwrites them by itself, and an event of the log says when.",
    )


@resource.post("/estimates/<public_id>/erasure", parameters=[IN_PATH])
@resource.response(200, Erasure)
def estimate(public_id: str) -> ResponseReturnValue:
    """Erase an estimate: record, crop, kept photo, neighbours, decisions."""
    return _described(eraser(services()).estimate(public_id, program().actor))


@resource.post("/cases/erasure")
@resource.arguments(ErasedCase)
@resource.response(200, Erasure)
def case(sent: dict[str, Any]) -> ResponseReturnValue:
    """Erase every estimate of a case, its photos that wait in batches, and the reference itself."""
    return _described(eraser(services()).case(sent["case"], program().actor))


@resource.post("/faces/<face_id>/erasure", parameters=[FACE_IN_PATH])
@resource.response(200, Erasure)
def face(face_id: str) -> ResponseReturnValue:
    """Erase a labelled face from every answer at once, and from every later index build."""
    event, builds = eraser(services()).face(face_id, program().actor)
    return _answer(event, {"faces": 1}, builds)


def _described(receipt: MadeReceipt) -> ResponseReturnValue:
    return _answer(receipt.event, receipt.erased.counts, ())


def _answer(event: int, counts: dict[str, int], builds: Sequence[str]) -> ResponseReturnValue:
    finished = not eraser(services()).unfinished()
    return jsonify(event=event, counts=counts, builds=list(builds), finished=finished)
