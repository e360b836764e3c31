"""The result page in a browser: what the first screen holds, and deciding with single keys."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from simsvc.domain.estimate.flags import FLAGS
from simsvc.domain.estimate.rules import parse_rules
from simsvc.flows.estimates.estimate import answered, estimate
from simsvc.values import DecisionDraft, Declaration
from simsvc.values.referrals import Addressee, ReferralDraft
from tests.simsvc.web.browser.helpers import LAPTOP, PHONE, Live, Open, in_both_themes
from tests.simsvc.web.signed_in import account
from tests.small_site import drawn_photo

CHOICES = ("button.kind", ".kind > summary")
FIRST_SCREEN = (
    "img.crop",
    ".badge-verdict",
    ".comparison",
    ".age",
    ".range-words",
    ".age-scale",
    ".answer .evidence",
    "ol.nearest > li",
    *CHOICES,
    "#note",
)
ENDS = (bytes([number]) for number in itertools.count())
"""Of files of the same photo, so that none is the same file."""
BLURRED = {
    "quality": {"sharpness_at_least": 1e9, "source": "no photo is as sharp"},
    "withhold": ["blurred"],
}
LEAF = re.compile(rb"/Type\s*/Page\b")
TOPS = "parts => parts.filter(part => part.checkVisibility()).map(part => part.getBoundingClientRect().top)"
LOWEST = "parts => Math.max(...parts.map(part => part.getBoundingClientRect().bottom + scrollY))"


@pytest.fixture
def record(live: Live) -> str:
    """Return the address of a record that nobody has decided on."""
    return made(live)


def made(live: Live) -> str:
    declared = Declaration("L-8", date(1980, 2, 29), date(2020, 6, 1))
    found = estimate(drawn_photo() + next(ENDS), "me.jpg", live.services.pipeline(), declared=declared)
    return f"/estimates/{found.id}"


@pytest.fixture
def at_record(open_page: Open, record: str) -> Page:
    """Return an underwriter's browser that shows the record."""
    page = open_page("underwriter")
    page.goto(record)
    return page


def decisions(live: Live, address: str) -> list[tuple[str, int | None, str]]:
    found = live.services.decisions.of(address.rpartition("/")[2])
    return [(made.draft.kind, made.draft.age_years, made.draft.note or made.draft.reason) for made in found]


def lowest(page: Page, part: str) -> float:
    parts = page.locator(part)
    assert parts.count() > 0, part
    return float(parts.evaluate_all(LOWEST))


def test_the_first_screen_of_a_laptop_holds_all_that_a_decision_needs(at_record: Page) -> None:
    """Photo, verdict, estimate, range, scale, reason, four faces and the decision: no scrolling."""
    below = {part: y for part in FIRST_SCREEN if (y := lowest(at_record, part)) > LAPTOP["height"]}
    assert below == {}
    assert at_record.locator("ol.nearest > li").count() == 4


def test_the_first_screen_of_a_phone_reaches_the_buttons(open_page: Open, record: str) -> None:
    """At 390 pixels the four choices are within one screen, below verdict, estimate and faces."""
    page = open_page("underwriter", phone=True)
    page.goto(record)
    assert max(lowest(page, part) for part in CHOICES) <= PHONE["height"]
    assert max(lowest(page, part) for part in (".age-scale", "ol.nearest > li")) <= lowest(page, CHOICES[0])


def withheld(live: Live) -> str:
    pipeline = live.services.pipeline()
    doubtful = replace(pipeline, rules=parse_rules(BLURRED, pipeline.model.sha256))
    declared = Declaration("L-8", date(1980, 2, 29), date(2020, 6, 1))
    return estimate(drawn_photo() + next(ENDS), "me.jpg", doubtful, declared=declared).id


def refused(live: Live) -> str:
    declared = Declaration("L-8", date(1980, 2, 29), date(2020, 6, 1))
    return estimate(b"no photo" + next(ENDS), "letter.txt", live.services.pipeline(), declared=declared).id


def noted(live: Live) -> str:
    """Record a photo with every flag that two other cases have too, and send it for review."""
    pipeline, photo = live.services.pipeline(), drawn_photo() + next(ENDS)
    doubtful = replace(pipeline, rules=parse_rules(BLURRED, pipeline.model.sha256))
    for case in ("L-81", "L-82"):
        estimate(photo, "me.jpg", pipeline, declared=Declaration(case, None, None))
    answer = answered(photo, "me.jpg", doubtful, declared=Declaration("L-8", date(1980, 2, 29), None))
    return sent_for_review(live, pipeline.recorder.record(replace(answer, flags=tuple(FLAGS))).id)


def refused_and_noted(live: Live) -> str:
    """Record a file that is no photo and that two other cases have too, and send it for review."""
    pipeline, file = live.services.pipeline(), b"no photo" + next(ENDS)
    for case in ("L-81", "L-82"):
        estimate(file, "letter.txt", pipeline, declared=Declaration(case, None, None))
    declared = Declaration("L-8", date(1980, 2, 29), date(2020, 6, 1))
    return sent_for_review(live, estimate(file, "letter.txt", pipeline, declared=declared).id)


def sent_for_review(live: Live, record_id: str) -> str:
    desk, sender = live.services, account(live.app, "underwriter", "Sender")
    desk.decisions.add(record_id, DecisionDraft("refer", note="see the file"), sender.id, 0, desk.now())
    reviewer = Addressee(account(live.app, "underwriter").id)
    asked = ReferralDraft(reviewer, due_on=date(2020, 1, 1), comment="is it she?")
    desk.referrals.add(record_id, asked, sender.id, desk.now())
    return record_id


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("recorded", [withheld, refused, noted, refused_and_noted])
def test_a_phone_reaches_the_decision_on_one_screen(
    open_page: Open, live: Live, recorded: Callable[[Live], str], language: str
) -> None:
    """Whatever there is to say of a photo, the first choices are within one screen."""
    page = open_page("underwriter", phone=True)
    page.set_extra_http_headers({"Accept-Language": language})
    page.goto(f"/estimates/{recorded(live)}")
    tops = page.locator(".decide .kind").evaluate_all(TOPS)
    assert len(tops) == 3
    assert min(tops) <= PHONE["height"]


def test_a_record_with_many_notes_prints_on_one_page(open_page: Open, live: Live) -> None:
    """Flags, decision and referral leave room for each other."""
    page = open_page("underwriter")
    page.goto(f"/estimates/{noted(live)}")
    assert len(LEAF.findall(page.pdf(prefer_css_page_size=True))) == 1


def test_two_keys_record_a_plausible_age(at_record: Page, live: Live, record: str) -> None:
    """1 chooses, Enter records, and the page says so."""
    at_record.keyboard.press("1")
    expect(at_record.get_by_role("button", name="Plausible")).to_be_focused()
    at_record.keyboard.press("Enter")
    expect(at_record.get_by_text("Decision recorded.")).to_be_visible()
    assert decisions(live, record) == [("accept", None, "")]


def test_a_key_opens_a_choice_and_its_fields(at_record: Page, live: Live, record: str) -> None:
    """2 leads into the age; keys typed there are text; Ctrl+Enter in the reason records this choice."""
    at_record.keyboard.press("2")
    expect(at_record.get_by_label("Your age assessment (years)")).to_be_focused()
    at_record.keyboard.type("41")
    at_record.keyboard.press("Tab")
    at_record.keyboard.type("3 passports, job c? k")
    expect(at_record.locator("dialog[open]")).to_have_count(0)
    at_record.keyboard.press("Control+Enter")
    expect(at_record.get_by_text("Decision recorded.")).to_be_visible()
    assert decisions(live, record) == [("override", 41, "3 passports, job c? k")]


def test_enter_in_a_field_never_accepts(open_page: Open, live: Live, record: str) -> None:
    """Without script too, Enter in the field of the age records nothing as plausible."""
    page = open_page("underwriter", script=False)
    page.goto(record)
    page.locator("summary", has_text="Not plausible").click()
    page.get_by_label("Your age assessment (years)").fill("41")
    page.keyboard.press("Enter")
    page.get_by_label("Reason for your assessment").fill("still here")
    assert decisions(live, record) == []


def test_shortcuts_are_switched_off_and_stay_off(at_record: Page, record: str) -> None:
    """The help lists them; switched off there, no key does anything, also after a reload."""
    at_record.keyboard.press("?")
    expect(at_record.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    assert in_both_themes(at_record) == []
    at_record.get_by_label("Use these shortcuts in this browser").uncheck()
    at_record.keyboard.press("Escape")
    at_record.goto(record)
    for key in ("1", "c", "?"):
        at_record.keyboard.press(key)
        expect(at_record.locator("dialog[open]")).to_have_count(0)
        expect(at_record.locator("body")).to_be_focused()
    expect(at_record.locator("kbd.key").first).to_be_hidden()


def test_keys_lead_through_the_undecided_records(at_record: Page, live: Live, record: str) -> None:
    """J leads to the next, K back; a decision with "open the next" leads on."""
    following = made(live)
    at_record.reload()
    at_record.keyboard.press("j")
    at_record.wait_for_url(f"**{following}")
    at_record.keyboard.press("k")
    at_record.wait_for_url(f"**{record}")
    at_record.get_by_label("Decide and open the next undecided record").check()
    at_record.keyboard.press("1")
    at_record.keyboard.press("Enter")
    at_record.wait_for_url(f"**{following}?then=next")
    expect(at_record.get_by_label("Decide and open the next undecided record")).to_be_checked()


def test_faces_are_compared_by_arrow_keys(at_record: Page) -> None:
    """C opens the viewer; arrows lead through all twelve and no further; Escape returns the focus."""
    at_record.get_by_role("link", name="Compare side by side").focus()
    at_record.keyboard.press("c")
    viewer = at_record.get_by_role("dialog", name="Side by side")
    place = viewer.get_by_role("status")
    expect(place).to_contain_text("Reference face 1 of 12")
    expect(viewer.locator("img")).to_have_count(2)
    assert in_both_themes(at_record) == []
    first = viewer.get_by_alt_text("Reference face 1").get_attribute("src")
    at_record.keyboard.press("ArrowRight")
    expect(place).to_contain_text("Reference face 2 of 12")
    assert viewer.get_by_alt_text("Reference face 2").get_attribute("src") != first
    for _ in range(12):
        at_record.keyboard.press("ArrowRight")
    expect(place).to_contain_text("Reference face 12 of 12")
    at_record.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(at_record.get_by_role("link", name="Compare side by side")).to_be_focused()
    at_record.locator("ol.faces a").nth(6).click()
    expect(place).to_contain_text("Reference face 7 of 12")
