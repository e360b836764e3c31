"""The report of a record, in the visitor's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask_babel import gettext

from simsvc.domain.estimate.age_prior import short_prior
from simsvc.domain.estimate.corrected import calibration_sentence
from simsvc.domain.estimate.flags import flag_sentence
from simsvc.values import AgePriorUse, Decision, Neighbour, RecordedEstimate
from simsvc.values.cases import PhotoUpload
from simsvc.values.events import Event
from simsvc.web.http.current import services
from simsvc.web.i18n.language import at_utc, translated
from simsvc.web.rendering.case_view import actor_names, other_uploads
from simsvc.web.rendering.charts.age_plot import age_plot, range_words
from simsvc.web.rendering.charts.age_scale import age_scale
from simsvc.web.rendering.nearest_faces import near_faces, thumbnail
from simsvc.web.rendering.record_parts import declared_words
from simsvc.web.rendering.reports.report import PlotWords, Report, ReportFace, Row, ScaleWords, Section
from simsvc.web.rendering.reports.report_codes import printed_code

MOST_UPLOADS = 5
"""Other records of a photo that are named; more are counted."""


def record_report(recorded: RecordedEstimate, printed: Event) -> Report:
    """Return the report of a record whose export was logged as the event `printed`."""
    answer, decisions = recorded.estimate, services().decisions.of(recorded.id)
    people = services().names([answer.asked_by, *(made.decided_by for made in decisions)])
    events = services().cases.events([recorded.id])
    estimated = next((logged for logged in events if logged.event.kind == "estimate"), None)
    count = len(answer.neighbours)
    rows = [*answer_rows(recorded), *decision_rows(decisions, people), upload_row(other_uploads(recorded))]
    rows += _origin_rows(recorded, people)
    if estimated:
        rows.append((gettext("Event in the log"), str(estimated.event.seq)))
    section = Section(
        heading=gettext("Estimate"),
        lead=lead_of(recorded),
        crop_png=crop_of(recorded),
        scale=scale_words(recorded),
        plot=_plot_words(recorded) if count and answer.age_years is not None else None,
        faces=report_faces(recorded, count),
        faces_heading=gettext("Most similar reference faces, with their known ages"),
        rows=filled(rows),
    )
    title = gettext("simsvc: record %(number)s", number=recorded.number)
    return report_of(title, [section], str(printed_code(estimated, printed)), printed)


def report_of(title: str, sections: list[Section], code: str, printed: Event) -> Report:
    """Return a report with its sections, and what every report says."""
    names = actor_names([printed.actor])
    url = services().settings.public_url
    place = f"{url}/verify" if url else "/verify"
    return Report(
        title=title,
        printed=gettext(
            "Made on %(day)s by %(person)s.", day=at_utc(printed.time), person=names[printed.actor]
        ),
        sections=sections,
        code_label=gettext("Verification code:"),
        code=code,
        check=gettext(
            "To check this report, enter the code on the page %(place)s of the service, or run `flask audit "
            "verify-report CODE`. Both say whether the log has exactly this record.",
            place=place,
        ),
        page=lambda page, pages: gettext("Page %(page)s of %(pages)s", page=page, pages=pages),
        missing=gettext(
            "Characters shown as ? are not in the fonts of this PDF. View the record on screen to see them."
        ),
    )


def crop_of(recorded: RecordedEstimate) -> bytes | None:
    """Return the crop as PNG; None for a photo without a result."""
    return None if recorded.estimate.age_years is None else services().estimates.crop_png(recorded.id)


def report_faces(recorded: RecordedEstimate, most: int) -> list[ReportFace]:
    """Return the most similar reference faces with captions."""
    return [
        ReportFace(
            thumbnail(recorded, shown.near.face_id) if shown.pictured else None, _neighbour(shown.near)
        )
        for shown in near_faces(recorded, most)
    ]


def scale_words(recorded: RecordedEstimate) -> ScaleWords | None:
    """Return the scale of a record's estimate, range and declared age; None without an estimate."""
    answer = recorded.estimate
    years = declared_words(recorded)["declared_years"]
    return None if answer.age_years is None else scale_of(answer.age_years, answer.interval_years, years)


def scale_of(
    age_years: float, interval_years: tuple[float, float] | None, declared_years: int | None
) -> ScaleWords:
    """Return a scale with its labels."""
    estimate = gettext("estimate %(age)s", age=f"{age_years:.0f}")
    declared = "" if declared_years is None else gettext("declared %(age)s", age=declared_years)
    return ScaleWords(age_scale(age_years, interval_years, declared_years), estimate, declared)


def filled(rows: list[Row]) -> list[Row]:
    """Leave out rows without a text."""
    return [(label, text) for label, text in rows if text]


def _plot_words(recorded: RecordedEstimate) -> PlotWords:
    answer = recorded.estimate
    age_years, mean = answer.age_years or 0.0, answer.evidence
    plot = age_plot(age_years, answer.neighbours, answer.interval_years, answer.coverage, few=mean is None)
    mean_years = f"{plot.mean.age_years:.0f}" if plot.mean else ""
    return PlotWords(
        plot,
        estimate=gettext("estimate %(age)s", age=f"{age_years:.0f}"),
        mean=gettext("mean of these faces %(age)s", age=mean_years) if mean_years else "",
        range=translated(plot.span.words) if plot.span else "",
        ages=gettext("known age, years"),
        similarity=gettext("similarity"),
    )


def upload_row(uploads: Sequence[PhotoUpload]) -> Row:
    """Return where else the photo of a record was uploaded; an empty text if nowhere."""
    named = [_upload(upload) for upload in uploads[:MOST_UPLOADS]]
    if len(uploads) > MOST_UPLOADS:
        named.append(gettext("and %(count)s more times", count=len(uploads) - MOST_UPLOADS))
    return (gettext("The same photo in other records"), "\n".join(named))


def _upload(upload: PhotoUpload) -> str:
    number = gettext("record %(number)s", number=upload.number)
    case = gettext("Case %(reference)s", reference=upload.case) if upload.case else ""
    return ", ".join(part for part in (number, case) if part)


def lead_of(recorded: RecordedEstimate) -> str:
    """Return the sentence that explains a record."""
    answer = recorded.estimate
    if answer.age_years is None:
        return f"{gettext('No estimate for this photo')}: {translated(answer.sentence)}"
    return translated(answer.refer_reason) if answer.refer else translated(answer.sentence)


def answer_rows(recorded: RecordedEstimate) -> list[Row]:
    """Return what was estimated and declared."""
    answer, declared = recorded.estimate, declared_words(recorded)
    age = "" if answer.age_years is None else f"{answer.age_years:.0f}"
    comparison, years, dates = declared["comparison"], declared["declared_years"], answer.declared
    applied = answer.calibration
    corrected = applied is not None and applied.method != "none"
    own = f"{answer.raw_age_years:.0f}" if corrected and answer.raw_age_years is not None else ""
    return [
        (gettext("Estimated age"), age),
        (gettext("Estimate before calibration"), own),
        (gettext("Site calibration"), translated(calibration_sentence(applied)) if applied else ""),
        (gettext("Range"), translated(range_words(answer.interval_years, answer.coverage))),
        (gettext("Case"), dates.case or ""),
        (gettext("Declared birth date"), dates.birth_date.isoformat() if dates.birth_date else ""),
        (gettext("Date of the photo"), dates.photo_date.isoformat() if dates.photo_date else ""),
        (gettext("Declared age at the photo"), "" if years is None else str(years)),
        (gettext("Comparison"), translated(comparison)),
        (gettext("Flags"), " ".join(translated(flag_sentence(flag)) for flag in answer.flags)),
    ]


def _neighbour(near: Neighbour) -> str:
    lines = [gettext("Known age %(age)s", age=f"{near.age_years:.0f}")]
    if near.estimated_age_years is not None:
        lines.append(gettext("Model's estimate %(age)s", age=f"{near.estimated_age_years:.0f}"))
    return "\n".join([*lines, gettext("similarity %(figure)s", figure=f"{near.similarity:.2f}")])


def _prior(used: AgePriorUse | None) -> str:
    if used is None:
        return ""
    ages, years = short_prior(used.ages), round(used.model_age_years)
    return str(gettext("%(ages)s; the estimate without it is %(years)s", ages=ages, years=years))


def decision_rows(decisions: tuple[Decision, ...], people: Mapping[str, str]) -> list[Row]:
    """Return the decisions, the current one first."""
    if not decisions:
        return [(gettext("Decision"), gettext("none yet"))]
    labels = [gettext("Decision")] + [gettext("Earlier decision")] * (len(decisions) - 1)
    return [(label, _decided(made, people)) for label, made in zip(labels, decisions, strict=True)]


def _decided(made: Decision, people: Mapping[str, str]) -> str:
    names = {
        "accept": gettext("plausible"),
        "override": gettext("not plausible"),
        "need_more": gettext("more needed"),
        "refer": gettext("sent for review"),
    }
    age = "" if made.draft.age_years is None else f": {made.draft.age_years}"
    who = f"{people.get(made.decided_by, made.decided_by)}, {at_utc(made.created_at)}"
    parts = [f"{names[made.draft.kind]}{age} ({who})", made.draft.reason, made.draft.note]
    return "\n".join(part for part in parts if part)


def _origin_rows(recorded: RecordedEstimate, people: Mapping[str, str]) -> list[Row]:
    answer = recorded.estimate
    return [
        (gettext("Recorded"), at_utc(recorded.created_at)),
        (gettext("Requested by"), people.get(answer.asked_by or "", "")),
        (gettext("Photo"), answer.photo_name),
        (gettext("Model"), answer.model or ""),
        (gettext("Engine"), answer.engine or ""),
        (gettext("Age prior"), _prior(answer.age_prior)),
        (gettext("Index"), answer.index or ""),
        (gettext("SHA-256 of the photo"), answer.photo_sha256),
        (gettext("Record ID"), recorded.id),
    ]
