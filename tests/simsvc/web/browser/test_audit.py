"""An auditor's work: verify the log, look into events, replay a record."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.simsvc.web.browser.helpers import Open, in_both_themes

TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"


def test_a_verification_is_followed_to_its_end(open_page: Open) -> None:
    """The button starts it in the background, and the page says by itself that the log is intact."""
    page = open_page("auditor")
    page.goto("/audit")
    page.get_by_role("button", name="Verify now").click()
    expect(page.locator("#log-state .badge-verdict")).to_have_text("✓ Intact")


def test_events_fit_a_phone(open_page: Open) -> None:
    """With the details of an event open nothing is wider than the screen, and axe finds nothing."""
    page = open_page("auditor", phone=True)
    page.goto("/audit?kind=settings")
    page.locator(".event-more summary").first.click()
    expect(page.locator(".event-content").first).to_be_visible()
    assert not page.evaluate(TOO_WIDE)
    assert in_both_themes(page) == []


def test_a_record_is_replayed(open_page: Open, addresses: dict[str, str]) -> None:
    """From the record to the comparison of both: faces with pictures, and axe finds nothing."""
    page = open_page("auditor")
    page.goto(addresses["pages.show"].partition("?")[0])
    page.get_by_role("link", name="Replay this estimate").click()
    page.get_by_role("button", name="Replay this estimate").click()
    expect(page.get_by_role("status")).to_contain_text("The replay agrees with the record")
    expect(page.get_by_role("img", name="Replayed reference face 1", exact=True)).to_be_visible()
    assert in_both_themes(page) == []
