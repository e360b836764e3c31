"""Forms that are refused: the first error has the focus, what was typed stays, the address opens."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.helpers import wait_until
from tests.simsvc.web.browser.helpers import Live, Open, in_both_themes
from tests.simsvc.web.signed_in import account
from tests.small_site import drawn_photo

IN_SIGHT = """part => {
  const { top, bottom } = part.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
}"""
DROP = """async ([base64, name, selector]) => {
  const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type: "image/jpeg" }));
  const place = document.querySelector(selector);
  const dropped = new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true });
  return !place.dispatchEvent(dropped);
}"""
LEAVING = "!window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"


def refused_at(page: Page, field: str, *, opens: bool = True, script: bool = True) -> None:
    """Hold a page against what every refused form must be: `field` is the id of the first error's.

    Chromium may scroll to what it focuses before the page is laid out; then, without script, only the link of
    the summary leads there.
    """
    wrong = page.locator(f"[id='{field}']")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_attribute("aria-invalid", "true")
    if not script:
        page.locator("#form-problem").get_by_role("link").first.click()
    wait_until(lambda: wrong.evaluate(IN_SIGHT))
    for place in (wrong.get_attribute("aria-describedby") or "none").split():
        if place.endswith("-error"):
            expect(page.locator(f"[id='{place}']")).to_contain_text("Error:")
    summary = page.locator("#form-problem")
    expect(summary).to_contain_text("There is a problem")
    assert summary.get_by_role("link").first.get_attribute("href") == f"#{field}"
    if opens:
        assert page.request.get(page.url).status == 200


@pytest.mark.parametrize("script", [True, False])
def test_an_override_without_an_age_keeps_its_place(
    open_page: Open, addresses: dict[str, str], script: bool
) -> None:
    """The field of the age is open, in sight and focused; the note stays; reloading shows the record."""
    page = open_page("underwriter", refused=True, script=script)
    page.goto(addresses["pages.show"].partition("?")[0])
    page.get_by_text("Replace this decision").click()
    page.get_by_label("Note").fill("kept words")
    page.locator("summary", has_text="Not plausible").click()
    page.get_by_role("button", name="Record as not plausible").click()
    page.wait_for_url("**/decisions")
    refused_at(page, "age", script=script)
    expect(page.locator("#form-problem li")).to_have_count(2)
    expect(page.get_by_label("Note")).to_have_value("kept words")
    if script:
        assert in_both_themes(page) == []
    assert page.title().startswith("Error:")
    page.locator("#form-problem").get_by_role("link").nth(1).click()
    expect(page.get_by_label("Reason for your assessment")).to_be_focused()
    page.goto(page.url.partition("#")[0])
    page.wait_for_url("**/estimates/*#decision")


def test_every_form_leads_to_its_first_error(open_page: Open, live: Live, addresses: dict[str, str]) -> None:
    """Sign-in, password, account, token, erasure, history and the decision: focus, message, address."""
    page = open_page(refused=True)
    page.goto("/sign-in?next=/gallery")
    page.get_by_label("Name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    refused_at(page, "name")
    expect(page.get_by_label("Name")).to_have_value("nobody")
    page.goto(live.services.accounts.add("refused first", "auditor").token.join(("/welcome/", "")))
    page.get_by_label("New password", exact=True).fill("short")
    page.get_by_label("Confirm new password").fill("short")
    page.get_by_role("button", name="Set password").click()
    refused_at(page, "password")
    admin = open_page("admin", refused=True)
    admin.goto("/account")
    admin.get_by_label("Current password").fill("wrong old one")
    for label in ("New password", "Confirm new password"):
        admin.get_by_label(label, exact=True).fill("nine brown otters dive")
    admin.get_by_role("button", name="Change password").click()
    refused_at(admin, "old")
    admin.goto("/users")
    admin.get_by_label("Name").fill("admin")
    admin.get_by_role("button", name="Add account").click()
    refused_at(admin, "name")
    expect(admin.get_by_label("Name")).to_have_value("admin")
    admin.goto("/tokens")
    admin.get_by_label("Purpose").fill("kept name")
    admin.get_by_role("button", name="Create token").click()
    refused_at(admin, "scope-estimate")
    expect(admin.get_by_label("Purpose")).to_have_value("kept name")
    admin.goto(addresses["erasing.estimate"])
    admin.evaluate("document.getElementById('confirmed').required = false")
    admin.get_by_role("button", name="Erase permanently").click()
    refused_at(admin, "confirmed")
    admin.goto("/history?since=yesterday&until=tomorrow")
    refused_at(admin, "since", opens=False)


def test_the_last_administrator_is_told_at_the_top(open_page: Open, live: Live) -> None:
    """A problem of no field: the summary has the focus."""
    page = open_page("admin", refused=True)
    mine = account(live.app, "admin")
    others = [
        u for u in live.services.users.all() if u.role == "admin" and u.id != mine.id and not u.disabled
    ]
    for other in others:
        live.services.accounts.disable(other.id)
    page.goto("/users")
    page.get_by_role("button", name="Disable account admin", exact=True).click()
    expect(page.locator("#form-problem")).to_be_focused()
    expect(page.locator("#form-problem")).to_contain_text("only administrator")
    for other in others:
        live.services.accounts.enable(other.id)
    assert page.request.get(page.url).status == 200


def test_dates_that_cannot_be_are_shown_at_their_fields(open_page: Open, photo: Path) -> None:
    """Sent by script: nothing is reloaded, the fold opens, the photo stays, and it can be corrected."""
    page = open_page("underwriter", refused=True)
    page.goto("/")
    page.set_input_files("#photo", photo)
    page.get_by_text("Case and declared dates").click()
    page.get_by_label("Declared birth date").fill("2999-01-01")
    page.get_by_text("Case and declared dates").click()
    page.get_by_role("button", name="Estimate age").click()
    refused_at(page, "born")
    assert page.evaluate("document.getElementById('photo').files.length") == 1
    assert in_both_themes(page) == []
    page.get_by_label("Declared birth date").fill("1980-01-01")
    page.get_by_role("button", name="Estimate age").click()
    page.wait_for_url("**/estimates/*")


def test_without_script_the_upload_form_says_everything_at_once(open_page: Open) -> None:
    """No photo, no case that can be, no date that can be: three messages, the first focused."""
    page = open_page("underwriter", refused=True, script=False)
    page.goto("/")
    page.get_by_text("Case and declared dates").click()
    page.get_by_label("Case reference").fill("a//b")
    page.get_by_label("Declared birth date").fill("2999-01-01")
    page.locator("#photo").evaluate("field => { field.required = false; }")
    page.get_by_role("button", name="Estimate age").click()
    page.wait_for_url("**/estimates")
    refused_at(page, "photo")
    expect(page.locator("#form-problem li")).to_have_count(3)
    expect(page.get_by_label("Case reference")).to_have_value("a//b")


@pytest.mark.parametrize("address", ["/", "/batches", "pages.show"])
def test_a_file_dropped_beside_loses_nothing(
    open_page: Open, addresses: dict[str, str], address: str
) -> None:
    """Anywhere on a page the browser's own way, opening the file, is prevented; forms take the photo."""
    page = open_page("underwriter")
    page.goto(addresses.get(address, address))
    photo = base64.b64encode(drawn_photo(51)).decode()
    assert page.evaluate(DROP, [photo, "beside.jpg", "h1"])
    fields = page.locator("form.upload:not(.batch-form) input[type=file]").first
    if page.locator("form.batch-form").count():
        expect(page.locator(".chosen-list")).to_have_text("beside.jpg")
    elif fields.count():
        assert fields.evaluate("field => field.files[0].name") == "beside.jpg"
    assert page.evaluate(DROP, [photo, "inside.jpg", ".drop-area, main"])


def slow(page: Page, bytes_a_second: int) -> None:
    line = page.context.new_cdp_session(page)
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second}
    line.send("Network.emulateNetworkConditions", limits)


def big(name: str, seed: int = 52) -> dict[str, object]:
    return {"name": name, "mimeType": "image/jpeg", "buffer": drawn_photo(seed) + bytes(range(256)) * 2_000}


def test_a_batch_tells_how_far_it_is_and_is_sent_once(open_page: Open, live: Live) -> None:
    """The bar and the megabytes move, the button waits, leaving is asked about; one batch comes of it."""
    page, before = open_page("underwriter"), len(live.services.batch_book.page(0, 1000))
    page.goto("/batches")
    page.set_input_files("#photos", [big("one.jpg")])
    slow(page, 250_000)
    assert not page.evaluate(LEAVING)
    page.get_by_role("button", name="Estimate ages").dblclick()
    wait_until(lambda: 0 < page.locator(".sent").evaluate("bar => bar.value") < 1)
    expect(page.get_by_role("button", name="Estimate ages")).to_be_disabled()
    expect(page.locator(".sent-words")).to_contain_text("MB uploaded")
    assert page.evaluate(LEAVING)
    page.wait_for_url("**/batches/*")
    assert len(live.services.batch_book.page(0, 1000)) == before + 1


def test_a_batch_can_be_cancelled_and_sent_again(open_page: Open, live: Live) -> None:
    """Cancelled, the files stay chosen and nothing is on record; sent again, the batch is."""
    page, before = open_page("underwriter"), len(live.services.batch_book.page(0, 1000))
    page.goto("/batches")
    page.set_input_files("#photos", [big("two.jpg")])
    slow(page, 100_000)
    page.get_by_role("button", name="Estimate ages").click()
    wait_until(lambda: page.locator(".sent").evaluate("bar => bar.value") > 0)
    page.get_by_role("button", name="Cancel upload").click()
    expect(page.get_by_role("button", name="Estimate ages")).to_be_enabled()
    assert not page.evaluate(LEAVING)
    assert len(live.services.batch_book.page(0, 1000)) == before
    slow(page, -1)
    page.get_by_role("button", name="Estimate ages").click()
    page.wait_for_url("**/batches/*")


def test_a_refused_batch_keeps_its_files(open_page: Open) -> None:
    """The message stands at the field, the photos stay chosen, the page is the same."""
    page = open_page("underwriter", refused=True)
    page.goto("/batches")
    page.set_input_files("#photos", [big("three.jpg")])
    page.set_input_files("#cases", [{"name": "c.csv", "mimeType": "text/csv", "buffer": b"nonsense"}])
    page.get_by_role("button", name="Estimate ages").click()
    refused_at(page, "cases")
    assert page.locator("#photos").evaluate("field => field.files.length") == 1
    assert in_both_themes(page) == []
    page.context.clear_cookies()
    page.get_by_role("button", name="Estimate ages").click()
    expect(page.locator(".problem")).to_contain_text("Your session has ended")
    assert page.locator("#photos").evaluate("field => field.files.length") == 1


def test_a_button_clicked_twice_makes_one_token(open_page: Open, live: Live) -> None:
    """With and without script; the text is shown, and after a reload it is said that it was."""
    for script in (True, False):
        page, name = open_page("admin", script=script), f"double {script}"
        page.goto("/tokens")
        page.get_by_label("Purpose").fill(name)
        page.locator("#scope-audit").check()
        page.get_by_role("button", name="Create token").dblclick()
        expect(page.locator(".one-time-link")).to_contain_text("simsvc_")
        page.reload()
        expect(page.locator(".one-time-link")).to_have_count(0)
        expect(page.get_by_text("already been shown")).to_be_visible()
        assert sum(token.name == name for token in live.services.token_book.all()) == 1


def test_a_decision_clicked_twice_is_one(open_page: Open, addresses: dict[str, str], photo: Path) -> None:
    """A double click on a decision's button records one, and says so."""
    del addresses
    page = open_page("underwriter")
    page.goto("/")
    page.set_input_files("#photo", photo)
    page.get_by_role("button", name="Estimate age").click()
    page.wait_for_url("**/estimates/*")
    page.get_by_label("Note").fill("twice")
    page.get_by_role("button", name="Plausible").dblclick()
    expect(page.get_by_text("Decision recorded.")).to_be_visible()
    expect(page.get_by_text("Earlier decisions")).to_have_count(0)
