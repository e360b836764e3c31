"""Instants in the reader's own time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import expect

from tests.simsvc.web.browser.helpers import Live, Open
from tests.simsvc.web.signed_in import account, client_of

CLOCK = re.compile(r"\d{1,2}:\d\d:\d\d")


@pytest.mark.parametrize(
    ("zone", "hours", "name"),
    [
        ("Asia/Shanghai", 8, "GMT+8"),
        ("Pacific/Kiritimati", 14, "GMT+14"),
        ("Pacific/Honolulu", -10, "GMT-10"),
    ],
)
def test_pages_show_the_readers_own_time(
    open_page: Open, addresses: dict[str, str], zone: str, hours: int, name: str
) -> None:
    """An instant is in the browser's zone, which is named; UTC is in its title."""
    page = open_page("admin", timezone=zone)
    page.goto(addresses["cases.show"])
    shown = page.locator("main time").first
    expect(shown).to_have_attribute("title", re.compile("UTC$"))
    instant = datetime.fromisoformat(str(shown.get_attribute("datetime")))
    there = instant.astimezone(timezone(timedelta(hours=hours)))
    said = shown.text_content() or ""
    assert there.strftime("%H:%M:%S") in said
    assert f"{there.day} {there:%B %Y}" in said
    assert said.endswith(name)


def test_chinese_pages_write_chinese_dates(live: Live, open_page: Open, addresses: dict[str, str]) -> None:
    """The visitor's language writes the day, and the zone is named."""
    page = open_page("admin", timezone="Asia/Shanghai")
    page.context.add_cookies([{"name": "language", "value": "zh_Hans", "url": live.url}])
    page.goto(addresses["cases.show"])
    expect(page.locator("main time").first).to_have_text(re.compile(r"^\d{4}年\d{1,2}月\d{1,2}日.*GMT\+8"))


def test_without_script_times_are_in_utc(open_page: Open, addresses: dict[str, str]) -> None:
    """Where no script runs, the page names UTC."""
    page = open_page("admin", script=False)
    page.goto(addresses["cases.show"])
    expect(page.locator("main time").first).to_have_text(re.compile(r"\d\d:\d\d:\d\d UTC$"))


def test_every_instant_of_every_page_is_an_element(live: Live, addresses: dict[str, str]) -> None:
    """No page writes a time of day outside of an element that the reader's zone reaches."""
    client = client_of(live.app, account(live.app, "admin"))
    found = 0
    for address in addresses.values():
        html = client.get(address).text
        said = re.sub(r"<pre class=\"event-content\".*?</pre>", "", html, flags=re.DOTALL)  # as it was logged
        bare, elements = re.subn(r"<time [^>]*>[^<]*</time>", "", said)
        assert CLOCK.findall(re.sub(r"<[^>]*>", "", bare)) == [], address
        found += elements
    assert found > 10


def test_what_a_batch_fetches_is_in_local_time(open_page: Open, addresses: dict[str, str]) -> None:
    """Times that come into a page later are written in the reader's zone too."""
    page = open_page("admin", timezone="Asia/Shanghai")
    page.goto(addresses["history.show"])
    page.evaluate(
        """() => {
          const time = document.createElement("time");
          time.dateTime = "2026-03-01T18:30:05+00:00";
          time.textContent = "1 March 2026, 18:30:05 UTC";
          const part = document.createElement("p");
          part.id = "fresh";
          part.append(time);
          document.querySelector("main").append(part);
        }"""
    )
    expect(page.locator("#fresh time")).to_have_text(re.compile("2 March 2026.* 02:30:05 GMT\\+8"))
