from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simsvc.values import ROLES, Role
from simsvc.web.security.access import ACCESS
from simsvc.web.security.scopes import SCOPES_OF
from tests.simsvc.web.browser.helpers import (
    LAPTOP,
    PHONE,
    Live,
    Open,
    in_both_themes,
    send_for_review,
    sign_in,
    violations,
)

NO_PAGE = {
    "static",
    "health.healthz",
    "health.readyz",
    "metrics.show",
    "batches.results",
    "batches.template",
    "decisions.sheet",
    "imports.picture",
    "history.export",
    "audit.checkpoint",
    "audit.export",
    "opening.lead",
    "reports.case",
    "evidence.case",
    "oidc.begin",
    "oidc.finish",
    "sign_in.ask_code",
    "confirming.resume",
}
"""What answers GET with something else than a page, as pictures do, or only halfway: see test_accounts."""


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


def pages_of(role: Role, addresses: dict[str, str]) -> Iterator[tuple[str, bool]]:
    """Give the address of each page that a role reaches, and whether it is the first such role."""
    for endpoint, address in addresses.items():
        allowed = ACCESS[endpoint.partition(" ")[0]]
        if isinstance(allowed, frozenset) and role in allowed:
            yield address, role == next(each for each in ROLES if each in allowed)


@pytest.mark.parametrize("role", ROLES)
def test_axe_finds_nothing(open_page: Open, addresses: dict[str, str], role: Role) -> None:
    """No page that a role is the first to reach has a violation, in either theme."""
    page, found = open_page(role, refused=True), []
    for address, is_first in pages_of(role, addresses):
        if is_first:
            page.goto(address)
            found += in_both_themes(page)
    assert found == []


@pytest.mark.proof
@pytest.mark.parametrize("role", ROLES)
def test_axe_finds_nothing_on_what_other_roles_see(
    open_page: Open, addresses: dict[str, str], role: Role
) -> None:
    """Nor has a page as another role sees it, with more or fewer parts."""
    page, found = open_page(role, refused=True), []
    for address, is_first in pages_of(role, addresses):
        if not is_first:
            page.goto(address)
            found += violations(page, "structure")
    assert found == []


def test_axe_finds_nothing_on_a_phone_with_everything_open(
    open_page: Open, addresses: dict[str, str]
) -> None:
    """Menu, display choices and every fold open: still no violation."""
    page, found = open_page("admin", phone=True), []
    for endpoint in ("home.show", "pages.show", "history.show"):
        page.goto(addresses[endpoint])
        page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
        found += in_both_themes(page)
        page.get_by_role("button", name="Menu").click()
        found += in_both_themes(page)
    assert found == []


def test_axe_finds_nothing_before_sign_in(open_page: Open, addresses: dict[str, str]) -> None:
    """Sign-in, after a lost session too, and welcome have no violation, on a phone and on a laptop."""
    page, found = open_page(refused=True), []
    for address in (
        addresses["sign_in.form"],
        "/sign-in?ended=1",
        addresses["sign_in.welcome"],
        "/api-reference",
        "/api-reference/objects",
        "/nowhere",
    ):
        for size in (LAPTOP, PHONE):
            page.emulate_media(color_scheme="light")
            page.set_viewport_size({"width": size["width"], "height": size["height"]})
            page.goto(address)
            page.locator("details.display summary").click()
            found += in_both_themes(page) if size is LAPTOP else violations(page, "structure")
    assert found == []


def test_axe_finds_nothing_where_words_are_kept(
    open_page: Open, live: Live, addresses: dict[str, str], photo: Path
) -> None:
    """The pages that show what was typed before a session was lost have no violation."""
    page, found = open_page("underwriter", refused=True), []
    page.goto(addresses["pages.show"])
    page.get_by_text("Replace this decision").click()
    page.get_by_label("Note").fill("kept")
    page.context.clear_cookies()
    send_for_review(page)
    page.wait_for_url("**/decisions")
    found += in_both_themes(page)
    sign_in(page.context, live, "underwriter")
    page.goto("/")
    page.set_input_files("#photo", photo)
    page.context.clear_cookies()
    page.evaluate("document.querySelector('form.upload').submit()")  # as where there is no script
    page.get_by_role("heading", name="Not recorded yet").wait_for()
    found += in_both_themes(page)
    assert found == []
