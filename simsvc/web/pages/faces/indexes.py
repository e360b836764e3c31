"""/indexes: the index in service, all builds and the change history."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.domain.calibration.plot import calibration_plot
from simsvc.domain.estimate.corrected import build_sentence
from simsvc.domain.gallery.build_figures import BuildFigures, compared_decades
from simsvc.domain.gallery.importing.skip_words import SKIP_WORDS
from simsvc.domain.gallery.manifest import Manifest
from simsvc.domain.gallery.near_duplicates import AGREE_YEARS
from simsvc.errors import IndexDamaged, IndexModelMismatch, IndexUnusable, SimsvcError
from simsvc.messages import Message
from simsvc.web.http.current import person, services
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem
from simsvc.web.rendering.actors import actor_names
from simsvc.web.rendering.charts.histogram import Histogram, histogram
from simsvc.web.rendering.retired import LONG_AGO, retired_builds

blueprint = Blueprint("indexes", __name__, url_prefix="/indexes")

SWITCHES_SHOWN = 20
CONTRADICTORY_SHOWN = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListedBuild:
    """A build in the list; its manifest is None if unreadable, and `made_at` is when it was recorded, UTC."""

    label: str
    manifest: Manifest | None
    made_at: datetime | None
    in_service: bool
    fits: bool


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the index in service, all builds and the latest switches."""
    return _page()


@blueprint.get("/<index_name>/<build_id>")
def compare(index_name: str, build_id: str) -> ResponseReturnValue:
    """Compare a build with the one in service, and offer to switch."""
    label, (current, _) = f"{index_name}/{build_id}", _current()
    one = services().build_figures(label)
    with suppress(IndexUnusable):
        other = services().build_figures(current) if current not in {None, label} else None
        return _comparison(one, other)
    return _comparison(one, None)


@blueprint.post("/<index_name>/<build_id>/use")
def use(index_name: str, build_id: str) -> ResponseReturnValue:
    """Check a build and put it into service, as `flask index use` does."""
    label = f"{index_name}/{build_id}"
    try:
        manifest = services().switcher().use(label, by=person().id)
    except (IndexDamaged, IndexModelMismatch) as refusal:
        return _page(Problem(refusal.message)), status_of(refusal)
    _log.info("user %s put the index %s into service", person().id, label)
    flash(
        gettext(
            "%(label)s with %(count)s faces is in service. All workers use it within two seconds.",
            label=label,
            count=f"{manifest.count:,}",
        )
    )
    return redirect(url_for("indexes.show"), 303)


def _comparison(one: BuildFigures, other: BuildFigures | None) -> str:
    label = one.manifest.label
    return render_template(
        "comparison.html",
        one=one,
        other=other,
        label=label,
        in_service=services().current_build() == label,
        fits=one.manifest.model.sha256 == _model_sha256(),
        made_at=services().builds.made_at().get(label),
        decades=compared_decades(one, other or one),
        reasons=SKIP_WORDS,
        skipped=Counter(entry.reason for entry in one.manifest.facts.skipped).most_common(),
    )


def _page(problem: Problem | None = None) -> str:
    current, trouble = _current()
    switches = services().switches.latest(SWITCHES_SHOWN)
    builds = _builds(current)
    back = switches[0].previous if switches and switches[0].label == current else None
    back = back if back != current else None
    return render_template(
        "indexes.html",
        current=current,
        problems=[problem] if problem else [Problem(trouble)] if trouble else [],
        builds=builds,
        histogram=_histogram(current),
        **_calibration(current),
        agree_years=f"{AGREE_YEARS:.0f}",
        contradictory_shown=CONTRADICTORY_SHOWN,
        switches=switches,
        names=services().users.names([switch.switched_by for switch in switches]),
        retired=retired_builds(services(), services().shelf.labels()),
        actors=actor_names(services()),
        back=next((build for build in builds if build.label == back and build.fits), None),
    )


def _current() -> tuple[str | None, Message | None]:
    """Return the label of the build in service, and what is wrong where that cannot be told."""
    try:
        return services().shelf.current(), None
    except IndexUnusable as error:
        return None, error.message


def _builds(current: str | None) -> list[ListedBuild]:
    made_at, model_sha256 = services().builds.made_at(), _model_sha256()
    listed = []
    for label in services().shelf.labels():
        try:
            manifest = services().shelf.manifest(label)
        except IndexUnusable:
            manifest = None
        fits = manifest is not None and manifest.model.sha256 == model_sha256
        listed.append(ListedBuild(label, manifest, made_at.get(label), label == current, fits))
    return sorted(listed, key=lambda build: (build.made_at or LONG_AGO, build.label), reverse=True)


def _model_sha256() -> str | None:
    try:
        return services().switcher().model_sha256
    except SimsvcError:
        return None


def _calibration(label: str | None) -> dict[str, object]:
    """Return the site calibration of a build in words and as a plot; empty for older builds."""
    try:
        site = services().shelf.calibration(label) if label else None
        if label is None or site is None:
            return {}
        estimates = services().shelf.estimates(label)
        ages_years = services().shelf.gallery(label).faces.ages_years
    except IndexUnusable:
        return {}
    corrected = site.method != "none"
    plot = None if estimates is None else calibration_plot(ages_years, estimates, corrected=corrected)
    return {"site": site, "site_sentence": build_sentence(site), "calibration_plot": plot}


def _histogram(label: str | None) -> Histogram | None:
    try:
        return histogram(services().gallery(label).faces) if label else None
    except IndexUnusable:
        return None
