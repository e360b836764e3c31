"""From a result to a decision, and back to it through the history."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.simsvc.web.browser.helpers import Live, Open, send_for_review
from tests.simsvc.web.signed_in import PASSWORD, account

HOSTILE = "<img src=x onerror=alert(1)>"
LEAF = re.compile(rb"/Type\s*/Page\b")


def declare(page: Page, case: str, born: str = "1980-02-29", taken: str = "2020-06-01") -> None:
    page.get_by_text("Case and declared dates").click()
    page.get_by_label("Case reference").fill(case)
    page.get_by_label("Declared birth date").fill(born)
    page.get_by_label("Date of photo").fill(taken)


def test_an_application_from_photo_to_decision(open_page: Open, photo: Path) -> None:
    """Declared age, evidence, decision, its successor, history, CSV and PDF, in one sitting."""
    page = open_page("underwriter")
    page.goto("/")
    page.set_input_files("#photo", photo)
    declare(page, "L-2026/17")
    page.get_by_role("button", name="Estimate age").click()
    page.wait_for_url("**/estimates/*")
    expect(page.locator(".comparison")).to_contain_text(re.compile(r"Declared age 40 is .* the 90% range"))
    expect(page.locator(".declared-name")).to_have_text("declared 40")
    page.get_by_label("Note").fill("first thoughts")
    page.locator("summary", has_text="Need more").click()
    page.get_by_label("What is needed").fill("the passport")
    page.get_by_role("button", name="Record what is needed").click()
    expect(page.get_by_text("Decision recorded.")).to_be_visible()
    page.get_by_label("Note").fill(f"the passport says so {HOSTILE}")
    page.locator("summary", has_text="Not plausible").click()
    page.get_by_label("Your age assessment (years)").fill("41")
    page.get_by_label("Reason for your assessment").fill("passport seen")
    page.get_by_role("button", name="Record as not plausible").click()
    expect(page.locator(".decision .done")).to_contain_text("not plausible: 41 years")
    expect(page.locator(".decision .done")).to_contain_text(HOSTILE)
    page.get_by_text("Earlier decisions").click()
    expect(page.get_by_text("first thoughts")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the record as PDF").click()
    assert download.value.path().read_bytes().startswith(b"%PDF")
    page.get_by_role("link", name="History").click()
    page.get_by_label("Case").fill("L-2026/17")
    page.get_by_label("Decision").select_option("override")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("status")).to_have_text("1 record")
    expect(page.get_by_role("row").nth(1)).to_contain_text("not plausible: 41")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    rows = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) == 2
    assert "passport seen" in rows[1]
    page.get_by_role("row").nth(1).get_by_role("link", name="L-2026/17").click()
    expect(page.get_by_role("heading", name="Case L-2026/17")).to_be_visible()


@pytest.mark.parametrize("endpoint", ["pages.show", "pages.show withheld", "pages.show refused"])
def test_a_record_prints_on_one_page(open_page: Open, addresses: dict[str, str], endpoint: str) -> None:
    """On paper are estimate, faces, record and decision, on one sheet, and nothing to click."""
    page = open_page("underwriter")
    page.goto(addresses[endpoint].partition("?")[0])
    assert len(LEAF.findall(page.pdf(prefer_css_page_size=True))) == 1
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", name="Record", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Decision")).to_be_visible()
    for part in ("button", "nav", "summary", "input[type=file]"):
        assert page.locator(part).filter(visible=True).count() == 0, part


def tab_to(page: Page, wanted: Locator) -> None:
    """Press the tabulator until something has the focus; each stop on the way is seen to have it."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            continue  # on its way through the browser's own bar
        outline = page.evaluate(
            "(s => s.outlineStyle + s.boxShadow)(getComputedStyle(document.activeElement))"
        )
        assert outline != "nonenone", page.evaluate("document.activeElement.outerHTML")
        if wanted.evaluate("part => part === document.activeElement"):
            return
    pytest.fail(f"no way to {wanted}")


def test_the_keyboard_is_enough(open_page: Open, live: Live, photo: Path) -> None:
    """From sign-in through photo and result to a decision without a mouse, the focus always seen."""
    name = account(live.app, "underwriter", "keyboard").name
    page = open_page()
    page.on("filechooser", lambda _chooser: None)  # from now on; asked for at the key press it may come late
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to main content")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    tab_to(page, page.get_by_label("Name"))
    page.keyboard.type(name)
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Estimate age")).to_be_visible()
    tab_to(page, page.locator("#photo"))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(photo)
    tab_to(page, page.get_by_role("button", name="Estimate age"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/estimates/*")
    tab_to(page, page.locator("summary", has_text="Need more"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("What is needed"))
    page.keyboard.type("by keyboard")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".decision .done")).to_contain_text("by keyboard")
    tab_to(page, page.get_by_role("link", name="Batches"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/batches")


def test_without_javascript_the_desk_works(open_page: Open, photo: Path) -> None:
    """Photo with a case, result, decision, a face side by side, history: nothing but HTML."""
    page = open_page("underwriter", script=False)
    page.goto("/")
    page.set_input_files("#photo", photo)
    declare(page, "no script")
    page.get_by_role("button", name="Estimate age").click()
    expect(page.get_by_role("heading", name="Estimated age")).to_be_visible()
    page.get_by_label("Note").fill("without script")
    send_for_review(page)
    expect(page.locator(".decision .done")).to_contain_text("without script")
    page.locator("ol.faces a").first.click()
    expect(page.locator(".side-by-side img")).to_have_count(2)
    page.get_by_role("link", name="Less similar").click()
    page.wait_for_url("**/faces/2")
    page.get_by_role("link", name="Back to record").click()
    expect(page.get_by_role("heading", name="Estimated age")).to_be_visible()
    page.goto("/history?case=no+script")
    expect(page.get_by_role("row").nth(1)).to_contain_text("sent for review")


def test_a_lost_session_keeps_the_note(open_page: Open, addresses: dict[str, str]) -> None:
    """The note stands on the page that says what happened, and nothing of the record does."""
    page = open_page("underwriter", refused=True)
    page.goto(addresses["pages.show"])
    page.get_by_text("Replace this decision").click()
    page.get_by_label("Note").fill("an hour of thought")
    page.context.clear_cookies()
    send_for_review(page)
    expect(page.get_by_label("Note")).to_have_value("an hour of thought")
    assert page.locator("main img").count() == 0
