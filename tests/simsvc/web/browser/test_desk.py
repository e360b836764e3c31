from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.helpers import zipped
from tests.simsvc.web.browser.helpers import SETTLED, Live, Open
from tests.simsvc.web.signed_in import PASSWORD
from tests.small_site import drawn_photo

LIGHTEST, DARKEST = 200, 60
HALF_A_LINE_PX = 12
MIDDLES = """parts => parts.map(part => {
  const { top, bottom } = part.getBoundingClientRect();
  return (top + bottom) / 2;
})"""
WIDER = """[...document.querySelectorAll("body *")]
  .filter(part => part.getBoundingClientRect().right > innerWidth)
  .map(part => part.outerHTML.slice(0, 150))"""


def brightness(page: Page) -> float:
    """Return the mean of the background's red, green and blue, 0..255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(figure) for figure in re.findall(r"\d+", colour)[:3]) / 3


def upload(page: Page, photo: Path) -> None:
    page.goto("/")
    page.set_input_files("#photo", photo)
    page.get_by_role("button", name="Estimate age").click()
    page.wait_for_url("**/estimates/*")


def test_the_printed_link_leads_to_a_result(open_page: Open, live: Live, photo: Path) -> None:
    """Who opens the link that the command prints sets a password once and has a photo judged."""
    added = live.app.test_cli_runner().invoke(
        args=["user", "add", "first", "--role", "admin", "--url", live.url]
    )
    link = added.output.strip().splitlines()[-1]
    page = open_page()
    page.goto(link)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("Confirm new password").fill(PASSWORD)
    page.get_by_role("button", name="Set password and sign in").click()
    upload(page, photo)
    expect(page.get_by_role("heading", name="Estimated age")).to_be_visible()
    expect(page.locator("ol.faces img")).to_have_count(12)
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    page.get_by_role("button", name="Sign out").click()
    assert page.request.get(link).status == 410


def test_the_language_is_switched_and_stays(open_page: Open) -> None:
    """One click makes the pages Chinese, also the next one."""
    page = open_page("underwriter")
    page.goto("/batches")
    page.locator("details.display summary").click()
    page.get_by_role("button", name="简体中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("批量处理")
    page.goto("/indexes")
    expect(page.get_by_role("heading", level=1)).to_have_text("索引版本")
    assert page.locator("html").get_attribute("lang") == "zh-Hans"


def test_the_theme_follows_the_system_and_the_choice(open_page: Open) -> None:
    """Dark as the system is, light by choice, with and without script."""
    page = open_page("underwriter", dark=True)
    page.goto("/")
    assert brightness(page) < DARKEST
    page.locator("details.display summary").click()
    page.get_by_role("button", name="Light", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    assert brightness(page) > LIGHTEST
    still = open_page("underwriter", script=False)
    still.goto("/")
    still.locator("details.display summary").click()
    still.get_by_role("button", name="Dark", exact=True).click()
    expect(still.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_phone_scrolls_no_page_sideways(open_page: Open, addresses: dict[str, str]) -> None:
    """At 390 pixels, and at 320, every page fits; what is wider scrolls within itself."""
    page = open_page("admin", phone=True, refused=True)
    for address in addresses.values():
        page.goto(address)
        for width in (390, 320):
            page.set_viewport_size({"width": width, "height": 800})
            page.evaluate(SETTLED)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, page.evaluate(WIDER)


@pytest.mark.parametrize("script", [True, False])
def test_a_phone_has_a_menu(open_page: Open, script: bool) -> None:
    """The links are behind one button, with and without script, and in the bar of a laptop."""
    page = open_page("admin", phone=True, script=script)
    page.goto("/")
    link = page.get_by_role("link", name="Index builds")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.locator("summary", has_text="More").click()
    expect(link).to_be_visible()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Index builds")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.get_by_role("link", name="History")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.get_by_role("button", name="Menu")).to_be_hidden()


def test_the_page_of_builds_shows_the_one_in_service(open_page: Open, live: Live) -> None:
    """Its label, its histogram and the table of it are there; nothing else can be put into service."""
    page = open_page("admin")
    page.goto("/indexes")
    expect(page.get_by_text(live.services.shelf.current()).first).to_be_visible()
    expect(page.get_by_role("button", name="Put into service")).to_have_count(0)
    page.get_by_text("View as table").click()
    expect(page.get_by_role("table").first).to_be_visible()


def test_a_batch_is_followed_to_its_end(open_page: Open, tmp_path: Path) -> None:
    """A ZIP with a table is judged by the worker while the page follows by itself; results open."""
    path = tmp_path / "photos.zip"
    files = {f"{n}.jpg": drawn_photo(n) for n in range(3)}
    path.write_bytes(zipped({**files, "bad.jpg": b"no photo", "cases.csv": b"file,case\n0.jpg,L-17\n"}))
    page = open_page("underwriter")
    page.goto("/batches")
    page.set_input_files("#photos", path)
    page.get_by_role("button", name="Estimate ages").click()
    expect(page.get_by_role("status")).to_contain_text(
        "4 of 4 done: 3 with an estimate, 1 without a result", timeout=60_000
    )
    expect(page.get_by_role("row").filter(has_text="0.jpg")).to_contain_text("L-17")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download results as CSV").click()
    assert "L-17" in download.value.path().read_text(encoding="utf-8-sig")
    page.get_by_role("link", name="Record of 0.jpg").click()
    expect(page.get_by_role("heading", name="Estimated age")).to_be_visible()


def test_a_batch_needs_no_javascript(open_page: Open, photo: Path) -> None:
    """The page reloads itself until the photo is judged."""
    page = open_page("underwriter", script=False)
    page.goto("/batches")
    page.set_input_files("#photos", photo)
    page.get_by_role("button", name="Estimate ages").click()
    expect(page.get_by_role("status")).to_contain_text("1 of 1 done", timeout=60_000)


def test_the_header_is_one_line_on_a_laptop(open_page: Open) -> None:
    """At 1280 px all of an administrator's menu and a name of 15 letters are in the same line."""
    page = open_page("admin")
    page.goto("/history")
    page.locator(".person").evaluate("person => { person.firstChild.data = 'maria.lindqvist '; }")
    middles = page.locator(".site-nav > ul > li, .site-search, .site-person > *").evaluate_all(MIDDLES)
    assert max(middles) - min(middles) < HALF_A_LINE_PX
