"""The home page, the search box and the history in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from simsvc.values import DecisionDraft
from tests.simsvc.web.browser.helpers import Live, Open
from tests.simsvc.web.records import recorded
from tests.simsvc.web.signed_in import account

WIDE = "document.documentElement.scrollWidth > innerWidth"
FOCUSED = "document.activeElement.id"


def test_a_slash_goes_to_the_search_box(open_page: Open, addresses: dict[str, str]) -> None:
    """The key works from anywhere on the page but a field, finds what is typed, and can be switched off."""
    page = open_page("underwriter")
    page.goto("/history")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    page.keyboard.type("seven")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Search results for “seven”")).to_be_visible()
    expect(page.get_by_text("seven.jpg").first).to_be_visible()
    page.goto("/history")
    page.get_by_label("Case", exact=True).press_sequentially("a/b")
    expect(page.get_by_label("Case", exact=True)).to_have_value("a/b")
    page.evaluate("localStorage.setItem('simsvc-shortcuts', 'off')")
    page.get_by_role("heading", name="History").click()
    page.keyboard.press("/")
    assert page.evaluate(FOCUSED) != "site-search"
    assert addresses


def test_tabs_and_rows_are_reached_by_keyboard(open_page: Open, live: Live) -> None:
    """A tab opens its list, a row its record; the current tab is marked."""
    reader = account(live.app, "underwriter")
    record = recorded(live.app, reader, "T-1")
    live.services.decisions.add(record, DecisionDraft("accept"), reader.id, 0, live.services.now())
    page = open_page("underwriter")
    page.goto("/")
    tabs = page.get_by_role("navigation", name="Lists")
    tabs.get_by_role("link", name="Decided today").press("Enter")
    expect(tabs.locator("[aria-current]")).to_contain_text("Decided today")
    page.get_by_role("row").get_by_role("link", name="T-1", exact=True).press("Enter")
    page.wait_for_url(f"**/estimates/{record}")


@pytest.mark.parametrize("address", ["/", "/?list=today", "/history", "/search?q=seven", "/estimates"])
def test_nothing_is_wider_than_a_phone(open_page: Open, addresses: dict[str, str], address: str) -> None:
    """Lists are cards on a phone: no page scrolls sideways, and each figure has its label."""
    page = open_page("admin", phone=True)
    page.goto(address)
    assert not page.evaluate(WIDE)
    if address == "/history":
        label = "getComputedStyle(document.querySelector('.record-list td[data-label]'), '::before').content"
        assert page.evaluate(label) == '"Case"'
    assert addresses


def test_the_menu_more_closes_by_escape(open_page: Open) -> None:
    """Escape closes the menu and gives the focus back; a click elsewhere closes it too."""
    page = open_page("admin")
    page.goto("/history")
    more = page.locator(".more summary")
    more.press("Enter")
    expect(page.get_by_role("link", name="Index builds")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Index builds")).to_be_hidden()
    expect(more).to_be_focused()
    more.click()
    page.get_by_role("contentinfo").click()
    expect(page.get_by_role("link", name="Index builds")).to_be_hidden()


def test_the_lists_work_without_script(open_page: Open, addresses: dict[str, str]) -> None:
    """Search, tabs and the menu are plain forms, links and folds."""
    page = open_page("underwriter", script=False)
    page.goto("/?list=today")
    page.get_by_role("searchbox", name="Search").fill("L-7")
    page.get_by_role("searchbox", name="Search").press("Enter")
    page.wait_for_url("**/cases/L-7")
    page.locator(".more summary").click()
    page.get_by_role("link", name="Index builds").click()
    page.wait_for_url("**/indexes")
    assert addresses
