"""/samples and /glossary: what a person needs on the first day."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.domain.desk.declared import CASE_CHARACTERS
from simsvc.errors import SamplesMissing
from simsvc.flows.estimates.samples import estimate_samples
from simsvc.web.http.current import person, services
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem
from simsvc.web.http.once import Made, once
from simsvc.web.rendering.glossary import GLOSSARY

blueprint = Blueprint("learning", __name__)


@blueprint.app_context_processor
def _glossary() -> dict[str, object]:
    return {"glossary": GLOSSARY}


@blueprint.get("/glossary")
def glossary_page() -> ResponseReturnValue:
    """Show what the words on the pages mean."""
    return render_template("glossary.html")


@blueprint.get("/samples")
def samples() -> ResponseReturnValue:
    """Show what the samples are, and the button that estimates them."""
    return render_template("samples.html", prefix=_prefix())


@blueprint.post("/samples")
def make_samples() -> ResponseReturnValue:
    """Estimate the sample applicants and redirect to the first record."""
    try:
        made = once(_made)
    except SamplesMissing as refusal:
        page = render_template("samples.html", prefix=_prefix(), problems=[Problem(refusal.message)])
        return page, status_of(refusal)
    return redirect(url_for("pages.show", public_id=made.id), 303)


def _made() -> Made:
    now, settings = services().now(), services().settings
    pipeline = services().pipeline()
    records = list(estimate_samples(settings.gallery_dir, pipeline, person().id, now.date(), _prefix()))
    return Made(records[0].id)


def _prefix() -> str:
    """Return how the cases of the samples begin: everybody has some of their own."""
    return str(gettext("Sample %(name)s", name=person().name))[: CASE_CHARACTERS - 2]
