"""Content of the PDF of a record, in the visitor's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_babel import gettext

from simsvc.domain.estimate.age_prior import short_prior
from simsvc.domain.estimate.corrected import calibration_sentence
from simsvc.domain.estimate.flags import flag_sentence
from simsvc.values import AgePriorUse, Decision, Neighbour, RecordedEstimate
from simsvc.web.http.current import services
from simsvc.web.i18n.language import at_utc, translated
from simsvc.web.rendering.age_plot import range_words
from simsvc.web.rendering.record_parts import declared_words

if TYPE_CHECKING:
    from simsvc.web.rendering.pdf_sheet import Sheet


def sheet_of(recorded: RecordedEstimate) -> Sheet:
    """Return the sheet of a record."""
    from simsvc.web.rendering.pdf_sheet import Sheet  # noqa: PLC0415 - ReportLab is large and rarely needed

    answer, decisions = recorded.estimate, services().decisions.of(recorded.id)
    people = services().names([answer.asked_by, *(made.decided_by for made in decisions)])
    rows = [*_answer_rows(recorded), *_decision_rows(decisions, people), *_origin_rows(recorded, people)]
    return Sheet(
        title=gettext("simsvc: record %(number)s", number=recorded.number),
        lead=_lead(recorded),
        rows=[(label, text) for label, text in rows if text],
        crop_png=services().estimates.crop_png(recorded.id) if answer.age_years is not None else None,
        missing=gettext(
            "Characters shown as ? are not in the fonts of this PDF. View the record on screen to see them."
        ),
    )


def _lead(recorded: RecordedEstimate) -> str:
    answer = recorded.estimate
    if answer.age_years is None:
        return f"{gettext('No estimate for this photo')}: {translated(answer.sentence)}"
    return translated(answer.refer_reason) if answer.refer else translated(answer.sentence)


def _answer_rows(recorded: RecordedEstimate) -> list[tuple[str, str]]:
    answer, declared = recorded.estimate, declared_words(recorded)
    age = "" if answer.age_years is None else f"{answer.age_years:.0f}"
    comparison, years, dates = declared["comparison"], declared["declared_years"], answer.declared
    ages = ", ".join(map(_neighbour, answer.neighbours))
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
        (gettext("Ages of the reference faces (similarity)"), ages),
        (gettext("Flags"), " ".join(translated(flag_sentence(flag)) for flag in answer.flags)),
    ]


def _neighbour(near: Neighbour) -> str:
    known, similarity = f"{near.age_years:.0f}", f"{near.similarity:.2f}"
    if near.estimated_age_years is None:
        return f"{known} ({similarity})"
    estimated = gettext("estimate %(age)s", age=f"{near.estimated_age_years:.0f}")
    return f"{known} ({estimated}; {similarity})"


def _prior(used: AgePriorUse | None) -> str:
    if used is None:
        return ""
    ages, years = short_prior(used.ages), round(used.model_age_years)
    return str(gettext("%(ages)s; the estimate without it is %(years)s", ages=ages, years=years))


def _decision_rows(decisions: tuple[Decision, ...], people: dict[str, str]) -> list[tuple[str, str]]:
    if not decisions:
        return [(gettext("Decision"), gettext("none yet"))]
    labels = [gettext("Decision")] + [gettext("Earlier decision")] * (len(decisions) - 1)
    return [(label, _decided(made, people)) for label, made in zip(labels, decisions, strict=True)]


def _decided(made: Decision, people: dict[str, str]) -> str:
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


def _origin_rows(recorded: RecordedEstimate, people: dict[str, str]) -> list[tuple[str, str]]:
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
