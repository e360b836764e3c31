"""What a first visit to the pages that are open all day costs, their lists full."""

from __future__ import annotations

import pytest

from tests.helpers import wait_until
from tests.simsvc.web.browser.helpers import Live, Open

MOST_BYTES = 150_000
"""Of document, styles and scripts as they are sent: 0.75 s at 1.6 Mbit/s, Lighthouse's slow 4G."""
ROWS_A_PAGE = 50
SENT_BYTES = """() => {
  const entries = ["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind));
  const parts = entries.filter(part => !/[.](png|jpg|svg)([?]|$)/.test(part.name));
  return Object.fromEntries(parts.map(part => [part.name, part.encodedBodySize]));
}"""


@pytest.fixture(scope="module")
def full_batch(live: Live) -> str:
    """Return the address of a batch that fills a page; its records fill the work list, its events the log."""
    photos = [(f"photo {number}.jpg", b"no photo") for number in range(ROWS_A_PAGE)]
    batch_id = live.services.batches.take_in(photos, "full", "0" * 32, dict)
    wait_until(lambda: not live.services.batch_book.find(batch_id).waiting)
    return f"/batches/{batch_id}"


@pytest.mark.parametrize("endpoint", ["home.show", "pages.show", "batches.show", "audit.show"])
def test_a_first_visit_is_light(
    open_page: Open, addresses: dict[str, str], full_batch: str, endpoint: str
) -> None:
    """Everything but the pictures, packed as the service sends it, stays within the budget."""
    page = open_page("admin")
    page.goto(full_batch if endpoint == "batches.show" else addresses[endpoint].partition("?")[0])
    sent: dict[str, int] = page.evaluate(SENT_BYTES)
    assert len(sent) >= 6
    assert sum(sent.values()) < MOST_BYTES, sent
