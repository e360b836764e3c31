"""/ and /estimates: upload a photo, read the answer."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from simsvc.flows.estimate import estimate
from simsvc.flows.saliency import check_same_model
from simsvc.values import Estimate
from simsvc.web.current import person, services
from simsvc.web.pages.plot import age_plot, range_words
from simsvc.web.upload import uploaded_photo

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def start() -> ResponseReturnValue:
    """Show the upload form."""
    return render_template("start.html", max_bytes=services().settings.max_upload_bytes)


@blueprint.post("/estimates")
def create() -> ResponseReturnValue:
    """Judge the uploaded photo and lead to its answer, which may be a refusal."""
    upload = uploaded_photo()
    recorded = estimate(upload.data, upload.name, services().corridor(), asked_by=person().id)
    return redirect(url_for("pages.show", public_id=recorded.id), 303)


@blueprint.get("/estimates/<public_id>")
def show(public_id: str) -> ResponseReturnValue:
    """Show a recorded answer with its evidence; with `?saliency`, also where the estimate came from."""
    recorded = services().estimates.find(public_id)
    answer = recorded.estimate
    if answer.age_years is None:
        max_bytes = services().settings.max_upload_bytes
        words = {"estimate": answer, "max_bytes": max_bytes, "asked_by": _asked_by(answer)}
        return render_template("refused.html", recorded=recorded, **words)
    wanted = "saliency" in request.args
    if wanted:
        check_same_model(recorded, services().corridor().model)
    return render_template(
        "estimate.html",
        recorded=recorded,
        estimate=answer,
        plot=age_plot(answer.age_years, answer.neighbours, answer.interval_years, answer.coverage),
        range_words=range_words(answer.interval_years, answer.coverage),
        saliency=wanted,
        asked_by=_asked_by(answer),
    )


def _asked_by(answer: Estimate) -> str | None:
    """Return the name of the account that asked, or None where a program or a command did."""
    asked_by = answer.asked_by
    return services().users.names([asked_by]).get(asked_by, asked_by) if asked_by else None
