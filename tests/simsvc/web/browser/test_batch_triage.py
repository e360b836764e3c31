"""Batches in the browser: deciding in the table by keyboard, live updates, drops and a lost connection."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from simsvc.domain.desk.batch_csv import read_cases
from simsvc.values import DecisionDraft
from tests.helpers import wait_until, zipped
from tests.simsvc.web.browser.helpers import TO_TRANSFER, Live, Open, in_both_themes, sign_in
from tests.simsvc.web.signed_in import account
from tests.small_site import drawn_photo

TWENTY = 20
FOLDER = """() => {
  const file = (name, text) => ({
    isFile: true, name, fullPath: `/trip/${name}`, file: done => done(new File([text], name))
  });
  const parts = [[file("b.jpg", "2")], [file("a.jpg", "1")], []];
  const trip = { isFile: false, name: "trip", fullPath: "/trip",
    createReader: () => ({ readEntries: done => done(parts.shift()) }) };
  return window.simsvcDropped({ items: [{ webkitGetAsEntry: () => trip }], files: [] })
    .then(found => found.map(({ path, file }) => `${path} ${file.size}`));
}"""
LOSE_ONCE = """() => {
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function () {
    XMLHttpRequest.prototype.send = send;
    this.dispatchEvent(new ProgressEvent("error"));
  };
}"""


@pytest.fixture
def batch_id(live: Live) -> str:
    """Return a finished batch of three photos, two with a birth date."""
    photos = [(f"{n}.jpg", drawn_photo(n)) for n in range(3)]
    rows = read_cases(
        b"file,birth_date\n0.jpg,1930-02-28\n1.jpg,1990-02-28\n", live.services.now().date()
    ).rows
    asked_by = account(live.app, "underwriter").id
    made = live.services.batches.take_in(photos, "three", asked_by, lambda: rows)
    wait_until(lambda: not live.services.batch_book.find(made).waiting)
    return made


def decided(live: Live, batch_id: str) -> list[str]:
    rows = live.services.batch_triage.rows(batch_id, range(TWENTY))
    return [row.decision.draft.kind for row in rows if row.decision]


def press(page: Page, key: str, *words: str) -> None:
    """Open the form of a key, fill its fields and send it."""
    page.keyboard.press(key)
    for text in words:
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")


def test_twenty_photos_are_decided_by_keyboard(open_page: Open, live: Live, tmp_path: Path) -> None:
    """A ZIP with a table is uploaded and estimated; keys alone decide every row, without leaving the page."""
    path, table = tmp_path / "photos.zip", tmp_path / "cases.csv"
    path.write_bytes(zipped({f"{n:02}.jpg": drawn_photo(n) for n in range(TWENTY)}))
    lines = [f"L-20/{n:02},{1940 + 3 * n}-05-04,{n:02}.jpg" for n in range(TWENTY)]
    table.write_text("\n".join(["case,birth_date,file", *lines]))
    page = open_page("underwriter")
    page.goto("/batches")
    page.set_input_files("#photos", path)
    page.set_input_files("#cases", table)
    page.get_by_role("button", name="Estimate ages").click()
    expect(page.locator("#batch-progress")).to_contain_text(f"{TWENTY} of {TWENTY} done", timeout=60_000)
    page.keyboard.press("j")
    expect(page.locator(".triage-row").first).to_be_focused()
    press(page, "2", "45", "grey hair")
    expect(page.locator(".triage-row[data-decided]")).to_have_count(1)
    for count in range(2, TWENTY + 1):
        row = page.locator(".triage-row:focus:not([data-decided])")
        expect(row).to_have_count(1)
        if row.locator("button[value=accept]").count():
            page.keyboard.press("1")
        else:
            press(page, "3", "a clearer photo")
        expect(page.locator(".triage-row[data-decided]")).to_have_count(count)
    kinds = decided(live, page.url.rpartition("/")[2])
    assert (len(kinds), kinds.count("override"), kinds.count("accept") > TWENTY / 2) == (TWENTY, 1, True)
    page.reload()
    expect(page.get_by_role("link", name="Undecided 0")).to_be_visible()


def test_shortcuts_are_silent_in_fields_and_can_be_switched_off(
    open_page: Open, live: Live, batch_id: str
) -> None:
    """Digits typed into a reason stay there; without shortcuts no key decides, also on the next page."""
    page = open_page("underwriter")
    page.goto(f"/batches/{batch_id}")
    page.keyboard.press("j")
    page.keyboard.press("2")
    page.keyboard.type("11")
    page.keyboard.press("Escape")
    expect(page.locator(".triage-row").first).to_be_focused()
    page.get_by_label("Keyboard shortcuts").uncheck()
    page.reload()
    page.locator(".triage-row").first.focus()
    page.keyboard.press("1")
    page.keyboard.press("j")
    expect(page.locator(".triage-row").first).to_be_focused()
    assert decided(live, batch_id) == []


def test_the_second_of_two_people_is_told(open_page: Open, live: Live, batch_id: str) -> None:
    """In the row, with the other decision, and without losing what was typed."""
    page = open_page("underwriter", refused=True)
    page.goto(f"/batches/{batch_id}")
    row = page.locator("#photo-0")
    row.get_by_text("Not plausible…").click()
    row.get_by_label("Your age assessment").fill("45")
    row.get_by_label("Reason for your assessment").fill("lines")
    record = live.services.batch_triage.row(batch_id, 0).recorded
    assert record is not None
    live.services.decisions.add(record.id, DecisionDraft("accept"), "0" * 32, 0, live.services.now())
    row.get_by_role("button", name="Record as not plausible").click()
    expect(row.get_by_role("alert")).to_contain_text("Someone else recorded a decision")
    expect(row.locator(".decided")).to_contain_text("plausible")
    expect(row.get_by_label("Reason for your assessment")).to_have_value("lines")


def run_batch(page: Page, address: str, before: Callable[[str], str], after: Callable[[str], str]) -> None:
    """Open a finished batch as if it ran: first what `before` makes of its page, then what `after` makes."""
    html = page.request.get(address).text()
    polling = f'id="batch-progress" hx-get="{address}" hx-trigger="every 1s"'
    shown, later = before(html.replace('id="batch-progress"', polling)), after(html)

    def answer(route: Route) -> None:
        is_page = route.request.resource_type == "document"
        route.fulfill(body=shown if is_page else later, content_type="text/html; charset=utf-8")

    page.route(f"**{address}", answer)
    page.goto(address)


def test_a_running_batch_is_updated_around_what_is_typed(open_page: Open, batch_id: str) -> None:
    """Progress and other rows change, the row in use keeps focus and text."""
    page = open_page("underwriter")
    run_batch(
        page,
        f"/batches/{batch_id}",
        lambda html: html,
        lambda html: html.replace("3 of 3 done", "updated").replace("No. 3", "No. 3, updated"),
    )
    row = page.locator("#photo-0")
    row.get_by_text("Need more…").click()
    row.get_by_label("What is needed").fill("a photo from")
    expect(page.locator("#batch-progress")).to_contain_text("updated")
    expect(page.locator("#photo-2")).to_contain_text("updated")
    expect(row.get_by_label("What is needed")).to_be_focused()
    expect(row.get_by_label("What is needed")).to_have_value("a photo from")


def test_new_rows_come_and_pictures_stay(open_page: Open, batch_id: str) -> None:
    """A row that is new comes with forms that work; one that did not change keeps its elements."""
    page = open_page("underwriter")
    row = re.compile(r'<tr id="photo-2".*?</tr>', re.DOTALL)
    run_batch(page, f"/batches/{batch_id}", lambda html: row.sub("", html), lambda html: html)
    page.locator("#photo-0 img").evaluate("picture => { picture.isFirst = true; }")
    page.locator("#photo-2").get_by_role("button", name="Plausible: 2.jpg").click()
    expect(page.locator("#row-said")).to_have_text("2.jpg: Decision recorded.")
    assert page.locator("#photo-0 img").evaluate("picture => picture.isFirst")


def test_a_lost_session_loses_no_row(open_page: Open, live: Live, batch_id: str) -> None:
    """What was typed stays, and after a sign-in elsewhere the same button records it."""
    page = open_page("underwriter", refused=True)
    page.goto(f"/batches/{batch_id}")
    row = page.locator("#photo-0")
    row.get_by_text("Need more…").click()
    row.get_by_label("What is needed").fill("a clearer photo")
    page.context.clear_cookies()
    row.get_by_role("button", name="Record what is needed").click()
    expect(row.get_by_role("alert")).to_contain_text("Your session has ended")
    sign_in(page.context, live, "underwriter")
    row.get_by_role("button", name="Record what is needed").click()
    expect(row.locator(".decided")).to_be_visible()
    expect(row.locator(".typed")).to_have_text("a clearer photo")


def test_dropped_folders_are_read_to_their_end(open_page: Open) -> None:
    """Browsers give the files of a folder in pieces; each keeps its path."""
    page = open_page("underwriter")
    page.goto("/batches")
    assert page.evaluate(FOLDER) == ["trip/a.jpg 1", "trip/b.jpg 1"]


def drop(page: Page, name: str, data: bytes) -> None:
    carried = page.evaluate_handle(TO_TRANSFER, [base64.b64encode(data).decode(), name])
    page.dispatch_event(".drop-area", "drop", {"dataTransfer": carried})


def test_a_lost_connection_loses_nothing(open_page: Open) -> None:
    """Photos and table that were dropped are still there, and one click uploads them again."""
    page = open_page("underwriter")
    page.goto("/batches")
    drop(page, "dropped.jpg", drawn_photo(41))
    expect(page.locator(".chosen")).to_contain_text("Dropped files: 1")
    drop(page, "cases.csv", b"file,case\ndropped.jpg,L-41\n")
    expect(page.locator(".chosen-list")).to_contain_text("cases.csv")
    page.evaluate(LOSE_ONCE)
    page.get_by_role("button", name="Estimate ages").click()
    expect(page.get_by_role("alert")).to_contain_text("nothing was lost")
    page.get_by_role("button", name="Upload again").click()
    page.wait_for_url(re.compile(r"/batches/[0-9a-f]{32}"))
    expect(page.locator("#photo-0")).to_contain_text("L-41")


@pytest.mark.parametrize("phone", [False, True])
def test_axe_finds_nothing_with_open_rows(open_page: Open, batch_id: str, phone: bool) -> None:
    """Neither in the forms of a row nor in what a filter leaves empty."""
    page = open_page("underwriter", phone=phone)
    page.goto(f"/batches/{batch_id}")
    page.evaluate("document.querySelectorAll('.triage details').forEach(fold => { fold.open = true; })")
    assert in_both_themes(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    page.goto(f"/batches/{batch_id}?show=cannot_tell")
    assert in_both_themes(page) == []
