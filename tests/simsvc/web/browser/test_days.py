"""A day of an underwriter, of an auditor and of an administrator, each from the sign-in page on."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Download, Locator, Page, expect
from pypdf import PdfReader

from simsvc.flows.estimates.estimate import estimate
from simsvc.values import DecisionDraft, Declaration, Role
from tests.helpers import zipped
from tests.simsvc.web.browser.helpers import PATIENCE_MS, Live, Open
from tests.simsvc.web.signed_in import PASSWORD, account
from tests.small_site import drawn_photo

TWENTY = 20
IN_SIGHT = """part => {
  const { top, bottom } = part.getBoundingClientRect();
  return 0 <= top && bottom <= innerHeight;
}"""
"""Whether all of an element is on the first screen."""
SECRET_NOTE = "the sender's own thoughts"  # noqa: S105 - a note that the colleague must not see


def start_day(open_page: Open, live: Live, role: Role, name: str) -> Page:
    """Sign in through the sign-in page, which leads to the home page."""
    account(live.app, role, name)
    page = open_page()
    page.goto("/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name=name)).to_be_visible()
    return page


def record_photo(live: Live, case: str, seed: int) -> str:
    """Put the photo of a case on record and return the id of the record."""
    declared = Declaration(case, date(1980, 2, 29), date(2020, 6, 1))
    return estimate(drawn_photo(seed), f"{seed}.jpg", live.services.pipeline(), declared=declared).id


def find_plausible(page: Page) -> None:
    """Decide by two keys, once the page answers to them."""
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Decision recorded.")).to_be_visible()
    expect(page.locator(".decision .done strong")).to_have_text("plausible")


def open_case(page: Page, case: str) -> None:
    """Go to a case by the search box, which is at the key "/", once the page answers to it."""
    page.wait_for_load_state()  # by then its scripts have run
    page.keyboard.press("/")
    page.keyboard.type(case)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Case {case}")).to_be_visible()


def download(page: Page, link: Locator) -> Download:
    with page.expect_download() as started:
        link.click()
    return started.value


def text_of(pdf: Path) -> str:
    return "\n".join(sheet.extract_text() for sheet in PdfReader(pdf).pages)


def decide_one(page: Page, case: str, photo: Path) -> None:
    """Upload a photo with its birth date, see the verdict, and decide by two keys."""
    page.set_input_files("#photo", photo)
    page.get_by_text("Case and declared dates").click()
    page.get_by_label("Case reference").fill(case)
    page.get_by_label("Declared birth date").fill("1980-02-29")
    page.get_by_label("Date of photo").fill("2020-06-01")
    page.get_by_role("button", name="Estimate age").click()
    page.wait_for_url("**/estimates/*")
    verdict = page.locator(".comparison .badge-verdict")
    expect(verdict).to_have_text(re.compile(r"Declared age (fits|is outside the range)"))
    assert verdict.evaluate(IN_SIGHT)
    find_plausible(page)


def ask_for_second_opinion(page: Page, case: str, colleague: str) -> None:
    """Decide a record of the work list, and send it to a colleague who must not see the decision."""
    page.get_by_role("link", name="Work list").click()
    page.get_by_role("link", name="newest first").click()
    page.get_by_role("link", name=case, exact=True).click()
    page.get_by_label("Note (optional)").fill(SECRET_NOTE)
    page.locator("summary", has_text="Not plausible").click()
    page.get_by_label("Your age assessment (years)").fill("63")
    page.get_by_label("Reason for your assessment").fill("grey hair")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".decision .done")).to_contain_text("not plausible: 63 years")
    page.get_by_text("Replace this decision").click()
    page.locator("summary", has_text="Send for review").click()
    page.get_by_label("Send to").select_option(label=colleague)
    page.get_by_label("Comment for the reviewer").fill("please look at the hands")
    page.get_by_label("Second opinion").check()
    page.get_by_role("button", name="Send for review", exact=True).click()
    expect(page.get_by_role("region", name="Sent for review")).to_contain_text("waiting")


def give_second_opinion(page: Page, case: str) -> None:
    """Find the record on the own work list and decide it without a word of the first decision."""
    page.get_by_role("link", name="Sent to me").click()
    page.get_by_role("link", name=case, exact=True).click()
    expect(page.get_by_text("You are asked for a second opinion.")).to_be_visible()
    expect(page.get_by_text("please look at the hands")).to_be_visible()
    for hidden in (SECRET_NOTE, "grey hair", "63 years"):
        expect(page.get_by_role("main")).not_to_contain_text(hidden)
    find_plausible(page)


def decide_batch(page: Page, folder: Path, case: str) -> None:
    """Upload twenty photos with their table, and decide every row by keyboard; the count follows."""
    photos, table = folder / "photos.zip", folder / "cases.csv"
    photos.write_bytes(zipped({f"{n:02}.jpg": drawn_photo(600 + n) for n in range(TWENTY)}))
    lines = [f"{case}/{n:02},{1940 + 3 * n}-05-04,{n:02}.jpg" for n in range(TWENTY)]
    table.write_text("\n".join(["case,birth_date,file", *lines]))
    page.get_by_role("link", name="Batches").click()
    page.set_input_files("#photos", photos)
    page.set_input_files("#cases", table)
    page.get_by_role("button", name="Estimate ages").click()
    expect(page.locator("#batch-progress")).to_contain_text(f"{TWENTY} of {TWENTY} done", timeout=PATIENCE_MS)
    page.keyboard.press("j")
    for count in range(1, TWENTY + 1):
        row = page.locator(".triage-row:focus:not([data-decided])")
        expect(row).to_have_count(1)
        if count > 1 and row.locator("button[value=accept]").count():
            page.keyboard.press("1")
        else:
            page.keyboard.press("3")
            page.keyboard.type("a clearer photo")
            page.keyboard.press("Control+Enter")
        expect(page.locator(".triage-row[data-decided]")).to_have_count(count)
    expect(page.get_by_role("link", name="Undecided 0")).to_be_visible()


def test_a_day_of_an_underwriter(open_page: Open, live: Live, photo: Path, tmp_path: Path) -> None:
    """Decide a photo by keyboard, ask a colleague for a second opinion, decide a batch, read the report."""
    name, colleague = "Una Underwriter", "Carla Colleague"
    page, other = (start_day(open_page, live, "underwriter", who) for who in (name, colleague))
    decide_one(page, "DAY-1", photo)
    record_photo(live, "DAY-2", 501)
    ask_for_second_opinion(page, "DAY-2", colleague)
    other.reload()
    give_second_opinion(other, "DAY-2")
    page.reload()
    expect(page.get_by_role("region", name="Sent for review")).to_contain_text("answered")
    expect(page.locator(".decision .done")).to_contain_text(colleague)
    decide_batch(page, tmp_path, "DAY-3")
    open_case(page, "DAY-1")
    report = download(page, page.get_by_role("link", name="Download the case report (PDF)"))
    text = text_of(report.path())
    for word in ("DAY-1", name, "plausible", "1980-02-29"):
        assert word in text, word


def test_a_day_of_an_auditor(open_page: Open, live: Live) -> None:
    """Find a case, read its timeline, verify the log, keep the evidence, and see for whom it works."""
    case, decision = "AUDIT-1", DecisionDraft("accept", note="seen by the auditor")
    found = record_photo(live, case, 502)
    by = account(live.app, "underwriter", "Una Underwriter")
    live.services.decisions.add(found, decision, by.id, 0, live.services.now())
    page = start_day(open_page, live, "auditor", "Ada Auditor")
    open_case(page, case)
    timeline = page.get_by_role("region", name="Timeline").get_by_role("listitem")
    expect(timeline).to_have_count(2)
    expect(timeline.last).to_contain_text(by.name)
    page.get_by_role("link", name="Audit", exact=True).click()
    page.get_by_role("button", name="Verify now").click()
    expect(page.locator("#log-state .badge-verdict")).to_have_text("✓ Intact")
    checkpoint = download(page, page.get_by_role("link", name="Download the checkpoint"))
    assert json.loads(checkpoint.path().read_text())
    page.get_by_label("Record, case or ID").fill(case)
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".events > li")).to_have_count(2)
    evidence = download(page, page.get_by_role("link", name="JSON Lines"))
    events = [json.loads(line) for line in evidence.path().read_text().splitlines()]
    assert [event["kind"] for event in events] == ["estimate", "decision"]
    page.locator("summary", has_text="More").click()
    page.get_by_role("link", name="For whom it works").click()
    expect(page.get_by_role("heading", name="For whom it works, and how well")).to_be_visible()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a ZIP of six drawn faces and their ages."""
    rows = "".join(f"{number}.jpg,{20 + 5 * number},d{number}\n" for number in range(6))
    path = tmp_path / "faces.zip"
    photos = {f"{number}.jpg": drawn_photo(950 + number) for number in range(6)}
    path.write_bytes(zipped({**photos, "labels.csv": f"file,age,person\n{rows}".encode()}))
    return path


def build_and_switch(page: Page, archive: Path) -> None:
    """Build an index from a ZIP, compare it with the one in service, put it into service, and go back."""
    page.get_by_role("link", name="Reference faces").first.click()
    page.get_by_role("link", name="Import reference faces").click()
    page.get_by_label("Name of the data set").first.fill("daily")
    page.set_input_files("#photos", archive)
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_role("button", name="Build an index of 6 faces").click()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="Put this build into service?")).to_be_visible()
    page.get_by_role("button", name="Put into service").click()
    expect(page.get_by_text(re.compile(r"daily/.* is in service\. All workers"))).to_be_visible(
        timeout=PATIENCE_MS
    )
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text(re.compile(r"demo/.* is in service\. All workers"))).to_be_visible(
        timeout=PATIENCE_MS
    )


def test_a_day_of_an_administrator(open_page: Open, live: Live, archive: Path) -> None:
    """Build an index from a ZIP and roll it back, change a role, and erase a case."""
    record_photo(live, "ERASE-1", 503)
    moved = account(live.app, "underwriter", "Rita Role")
    before = live.services.shelf.current()
    page = start_day(open_page, live, "admin", "Adam Admin")
    build_and_switch(page, archive)
    assert live.services.shelf.current() == before
    page.locator("summary", has_text="More").click()
    page.get_by_role("link", name="Accounts").click()
    page.get_by_role("link", name=moved.name).click()
    page.get_by_label(f"Role of {moved.name}").select_option("auditor")
    page.get_by_role("button", name="Change role").click()
    expect(page.get_by_text("now has the role auditor")).to_be_visible()
    open_case(page, "ERASE-1")
    page.get_by_role("link", name="Erase this case").click()
    page.get_by_label("Yes, erase all of this").check()
    page.get_by_role("button", name="Erase permanently").click()
    page.get_by_role("searchbox", name="Search").fill("ERASE-1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing was found.")).to_be_visible()
