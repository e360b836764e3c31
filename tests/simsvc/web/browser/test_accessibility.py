from __future__ import annotations

from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from simsvc.flows.estimate import estimate
from simsvc.values import ROLES, DecisionDraft, Declaration, Role
from simsvc.values.tokens import TokenDraft
from simsvc.web.access import ACCESS
from simsvc.web.api.scopes import SCOPES_OF
from tests.simsvc.web.browser.conftest import Live, Open
from tests.small_site import drawn_photo

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NO_PAGE = {
    "static",
    "bootstrap.static",
    "health.healthz",
    "batches.results",
    "decisions.sheet",
    "history.export",
}
"""What answers GET with something else than a page; so do pictures."""


OF_COLOUR = ["color-contrast", "link-in-text-block"]
"""The rules that another theme can break."""


def in_dark(page: Page) -> list[str]:
    """Turn the page dark, as the system would, and look at its colours."""
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.bsTheme === 'dark'")
    return violations(page, {"type": "rule", "values": OF_COLOUR})


def violations(page: Page, rules: dict[str, object] | None = None) -> list[str]:
    found = Axe().run(page, options={"runOnly": rules or {"type": "tag", "values": TAGS}})
    return [
        f"{page.url}: {rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


@pytest.fixture(scope="session")
def addresses(live: Live) -> dict[str, str]:
    """Return every page's address by endpoint, records and batches being there."""
    desk = live.services
    declared = Declaration("L-7", date(1980, 2, 29), date(2020, 6, 1))
    estimated = estimate(drawn_photo(7), "seven.jpg", desk.corridor(), declared=declared)
    estimate(drawn_photo(9), "nine.jpg", desk.corridor(), declared=declared)
    desk.decisions.add(estimated.id, DecisionDraft("refer", note="see the file"), "0" * 32, 0, desk.now())
    refused = estimate(b"no photo", "letter.txt", desk.corridor())
    photos = [("a.jpg", drawn_photo(8)), ("b.jpg", b"no photo")]
    batch_id = desk.batches.take_in(photos, "photos.zip", "0" * 32, dict)
    while desk.batches.judge_next(batch_id, desk.corridor):
        pass
    token = desk.accounts.add("someone new", "auditor").token
    desk.tokens.revoke(desk.tokens.create(TokenDraft("old", ("audit",), 1)).token.id)
    desk.tokens.create(TokenDraft("audit tool", ("audit", "estimate"), 1))
    return {
        "pages.start": "/",
        "pages.show": f"/estimates/{estimated.id}?saliency=1",
        "pages.compare": f"/estimates/{estimated.id}/faces/1",
        "cases.show": "/cases/L-7",
        "history.show": "/history",
        "history.show searched": "/history?case=L-7&decision=refer&sort=oldest",
        "pages.show refused": f"/estimates/{refused.id}",
        "batches.list_all": "/batches",
        "batches.show": f"/batches/{batch_id}",
        "gallery.show": "/gallery",
        "indexes.show": "/indexes",
        "model.show": "/model",
        "account.show": "/account",
        "users.show": "/users",
        "erasing.estimate": f"/erase/estimates/{estimated.id}",
        "erasing.case": "/erase/cases/L-7",
        "tokens.show": "/tokens",
        "api_reference.show": "/api-reference",
        "sign_in.form": "/sign-in",
        "sign_in.welcome": f"/welcome/{token}",
    }


def test_every_page_is_looked_at(live: Live, addresses: dict[str, str]) -> None:
    """A page that is added without being shown to axe fails here."""
    pages = {
        rule.endpoint
        for rule in live.app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and not rule.endpoint.startswith("pictures.")
        and rule.endpoint not in SCOPES_OF
    }
    assert {name.partition(" ")[0] for name in addresses} == pages - NO_PAGE


@pytest.mark.parametrize("role", ROLES)
def test_axe_finds_nothing(open_page: Open, addresses: dict[str, str], role: Role) -> None:
    """No page that a role reaches has a violation, in either theme."""
    page, found = open_page(role), []
    for endpoint, address in addresses.items():
        allowed = ACCESS[endpoint.partition(" ")[0]]
        if isinstance(allowed, frozenset) and role in allowed:
            page.emulate_media(color_scheme="light")
            page.goto(address)
            found += violations(page) + in_dark(page)
    assert found == []


def test_axe_finds_nothing_before_sign_in(open_page: Open, addresses: dict[str, str]) -> None:
    """Sign-in and welcome have no violation, also on a phone and with the display menu open."""
    page, found = open_page(phone=True), []
    for endpoint in ("sign_in.form", "sign_in.welcome", "api_reference.show"):
        page.emulate_media(color_scheme="light")
        page.goto(addresses[endpoint])
        page.locator("details.display summary").click()
        found += violations(page) + in_dark(page)
    assert found == []
