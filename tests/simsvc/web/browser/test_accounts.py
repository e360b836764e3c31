"""Second factor and confirmation in Chromium: what a person does, without and with script."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from simsvc.store.access.sessions import SessionRow
from tests.simsvc.web.browser.helpers import Live, Open, in_both_themes
from tests.simsvc.web.signed_in import PASSWORD, account


@pytest.mark.parametrize("script", [True, False])
def test_a_second_factor_is_set_up_and_used(open_page: Open, live: Live, script: bool) -> None:
    """Sign in, set it up by its key, sign out, sign in with a recovery code; axe finds nothing on the way."""
    user = account(live.app, "auditor", f"Phone owner {script}")
    page = open_page(script=script)
    page.goto("/sign-in?next=/account")
    page.get_by_label("Name").fill(user.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Set up second factor").click()
    key = page.locator(".one-time-link").inner_text().replace(" ", "").upper()
    page.get_by_label("Enter the code that the app shows").fill(pyotp.TOTP(key).now())
    page.get_by_role("button", name="Turn on").click()
    codes = page.locator(".recovery-codes code")
    expect(codes).to_have_count(10)
    code = codes.first.inner_text()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Name").fill(user.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    if script:
        assert in_both_themes(page) == []
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Phone owner")).to_be_visible()


def test_a_changed_role_waits_for_the_password(open_page: Open, live: Live) -> None:
    """An old session asks who it is, keeps the choice, and goes on with it; axe finds nothing on the page."""
    user = account(live.app, "underwriter", "Promoted in Chromium")
    page = open_page("admin", refused=True)
    with live.services.database.transaction() as session:
        old = live.services.now() - timedelta(minutes=20)
        session.execute(update(SessionRow).values(authenticated_at=old))
    page.goto(f"/users/{user.id}")
    page.get_by_label("Role of").select_option("auditor")
    page.get_by_role("button", name="Change role").click()
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    assert in_both_themes(page) == []
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm and continue").click()
    expect(page.get_by_text("now has the role auditor")).to_be_visible()
