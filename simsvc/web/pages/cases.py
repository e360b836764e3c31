"""/cases/<reference>: the photos of one case together."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from simsvc.domain.desk.declared import age_on
from simsvc.domain.estimate.combine import combine, sent_again
from simsvc.web.http.current import services
from simsvc.web.rendering.record_parts import declared_words

blueprint = Blueprint("cases", __name__, url_prefix="/cases")


@blueprint.get("/<path:reference>")
def show(reference: str) -> ResponseReturnValue:
    """Show the photos of a case, oldest first, and their combined estimate."""
    records = services().estimates.of_case(reference)
    births = {record.estimate.declared.birth_date for record in records} - {None}
    together = combine(records)
    born = next(iter(births)) if len(births) == 1 else None
    return render_template(
        "case.html",
        reference=reference,
        records=records,
        declared={record.id: declared_words(record) for record in records},
        decided={record.id: services().decisions.of(record.id)[:1] for record in records},
        together=together,
        sent_again=sent_again(records),
        declared_together=age_on(born, together.day) if born and together else None,
        births_differ=len(births) > 1,
    )
