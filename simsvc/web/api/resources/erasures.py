"""/api/v1/.../erasure: permanently erase estimates, cases and reference faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue
from marshmallow.fields import Boolean, Dict, Integer, List, String

from simsvc.domain.desk.declared import CASE_CHARACTERS
from simsvc.values.erasure import Receipt as MadeReceipt
from simsvc.web.api.common.blueprint import IN_PATH, Resource
from simsvc.web.api.common.schemas import Strict, needed, one_line
from simsvc.web.api.resources.faces import FACE_IN_PATH
from simsvc.web.http.current import services
from simsvc.web.security.scopes import program
from simsvc.wiring.erasure import eraser

resource = Resource("erasures", __name__, "Erase permanently. The log keeps a receipt without personal data.")


class ErasedCase(Strict):
    """The case to erase; in the body, so that it does not appear in access logs."""

    case = one_line(CASE_CHARACTERS, "The complete case reference.", required=True)


class Erasure(Strict):
    """The result of an erasure."""

    event = needed(Integer, "Sequence number of the receipt in the log.")
    counts = needed(Dict, "Number of erased items by kind.", keys=String(), values=Integer())
    builds = needed(
        List,
        "Index builds whose files contain an erased face until they are retired.",
        cls_or_instance=String(),
    )
    finished = needed(
        Boolean,
        "Whether the database files are free of copies of erased rows. If not, the service overwrites them "
        "automatically and logs when it is done.",
    )


@resource.post("/estimates/<public_id>/erasure", parameters=[IN_PATH])
@resource.response(200, Erasure)
def estimate(public_id: str) -> ResponseReturnValue:
    """Erase an estimate with its crop, kept photo, neighbours and decisions."""
    return _described(eraser(services()).estimate(public_id, program().actor))


@resource.post("/cases/erasure")
@resource.arguments(ErasedCase)
@resource.response(200, Erasure)
def case(sent: dict[str, Any]) -> ResponseReturnValue:
    """Erase every estimate of a case, its photos waiting in batches, and the reference itself."""
    return _described(eraser(services()).case(sent["case"], program().actor))


@resource.post("/faces/<face_id>/erasure", parameters=[FACE_IN_PATH])
@resource.response(200, Erasure)
def face(face_id: str) -> ResponseReturnValue:
    """Erase a reference face from all answers now, and from later index builds."""
    event, builds = eraser(services()).face(face_id, program().actor)
    return _answer(event, {"faces": 1}, builds)


def _described(receipt: MadeReceipt) -> ResponseReturnValue:
    return _answer(receipt.event, receipt.erased.counts, ())


def _answer(event: int, counts: dict[str, int], builds: Sequence[str]) -> ResponseReturnValue:
    finished = not eraser(services()).unfinished()
    return jsonify(event=event, counts=counts, builds=list(builds), finished=finished)
