"""Pages of the live service in Chromium."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from axe_playwright_python.base import AXE_FILE_PATH
from flask import Flask
from playwright.sync_api import BrowserContext, Page, expect

from simsvc.values import Role
from simsvc.wiring.services import Services
from tests.simsvc.web.signed_in import account, client_of

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOUR = ["color-contrast", "link-in-text-block"]
"""The rules that another theme can break."""
SETTLED = """async () => {
  await document.fonts.ready;
  await Promise.all(document.getAnimations().map(moving => moving.finished.catch(() => null)));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
"""Nothing moves any more, and what was last changed is drawn."""
RUN = """async options => {
  const found = await axe.run({ ...options, resultTypes: ["violations"] });
  return found.violations.flatMap(rule => rule.nodes.map(
    node => `${rule.id}: ${node.target} ${node.html.slice(0, 200)} ${node.failureSummary}`));
}"""


Look = Literal["everything", "colours", "structure"]
"""What axe looks at; colours take it most of the time."""
OPTIONS: dict[Look, object] = {
    "everything": {"runOnly": {"type": "tag", "values": TAGS}},
    "colours": {"runOnly": {"type": "rule", "values": OF_COLOUR}},
    "structure": {
        "runOnly": {"type": "tag", "values": TAGS},
        "rules": {name: {"enabled": False} for name in OF_COLOUR},
    },
}


def violations(page: Page, look: Look = "everything") -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
    page.evaluate(SETTLED)
    return [f"{page.url}: {found}" for found in page.evaluate(RUN, OPTIONS[look])]


def in_both_themes(page: Page) -> list[str]:
    """Look at a page in its light colours, and at its dark colours."""
    found = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        found += violations(page, "colours" if theme == "dark" else "everything")
    return found


PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1280, "height": 800}
PATIENCE_MS = 60_000


@dataclass(frozen=True)
class Live:
    """A service that answers on an address."""

    app: Flask
    url: str

    @property
    def services(self) -> Services:
        services: Services = self.app.extensions["simsvc"]
        return services


Open = Callable[..., Page]


def send_for_review(page: Page) -> None:
    """Open the choice "Send for review" and record it."""
    page.locator("summary", has_text="Send for review").click()
    page.get_by_role("button", name="Send for review", exact=True).click()


def sign_in(context: BrowserContext, live: Live, role: Role) -> None:
    """Put the cookie of a new session into the browser."""
    cookie = client_of(live.app, account(live.app, role)).get_cookie("simsvc")
    assert cookie is not None
    context.add_cookies([{"name": "simsvc", "value": cookie.value, "url": live.url}])


TO_TRANSFER = """async ([base64, name]) => {
  const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type: "image/jpeg" }));
  return carried;
}"""


def chosen(page: Page) -> list[str]:
    names: list[str] = page.evaluate("[...document.getElementById('photo').files].map(file => file.name)")
    return names


def estimate(page: Page) -> None:
    page.get_by_role("button", name="Estimate age").click()
    page.wait_for_url("**/estimates/*")
    expect(page.get_by_role("heading", name="Estimated age")).to_be_visible()
