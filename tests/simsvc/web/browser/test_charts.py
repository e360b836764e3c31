"""Charts as people see, hear and steer them."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.simsvc.web.browser.helpers import Live, Open, in_both_themes

FIGURES = {
    "split": "test",
    "tables": [
        {"part": "all", "faces": 40, "mae": {"value": 4.5, "low": 4.0, "high": 5.0}},
        {"part": "age 20-29", "faces": 20, "mae": {"value": 3.25, "low": 3.0, "high": 3.5}},
        {"part": "age 30-39", "faces": 20, "mae": {"value": 5.75, "low": 5.0, "high": 6.5}},
    ],
}
COLOURS = """canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const found = new Set();
  for (let at = 0; at < pixels.length; at += 4) {
    if (pixels[at + 3] === 255) found.add(pixels.slice(at, at + 3).join());
  }
  return [...found];
}"""
OPAQUE_LIGHT, OPAQUE_DARK = "29,90,122", "127,191,224"
"""--accent in the light and in the dark theme."""


@pytest.fixture
def chart(open_page: Open, live: Live) -> Page:
    """Open a page with a chart of the errors at two ages."""
    path = live.services.settings.bundle_dir / "model.json"
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | {"metrics": FIGURES}))
    page = open_page("auditor")
    page.goto("/fairness")
    path.write_text(before)
    return page


def test_a_chart_is_drawn_over_its_folded_table(chart: Page) -> None:
    """The table is one click away, and axe finds nothing in either theme."""
    figure = chart.locator("#chart-fairness-age")
    expect(figure.locator("canvas")).to_be_visible()
    expect(figure.locator("table")).to_be_hidden()
    figure.get_by_text("View as table").click()
    expect(figure.get_by_role("cell", name="3.25")).to_be_visible()
    assert in_both_themes(chart) == []


def test_arrow_keys_read_the_values_out(chart: Page) -> None:
    """Each step says label, value and interval in a live region; Escape ends it."""
    figure = chart.locator("#chart-fairness-age")
    canvas, said = figure.locator("canvas"), figure.get_by_role("status")
    canvas.focus()
    chart.keyboard.press("ArrowDown")
    expect(said).to_have_text("20\u201329. Average error: 3.25 years (3 to 3.5)")
    chart.keyboard.press("ArrowRight")
    expect(said).to_have_text("30\u201339. Average error: 5.75 years (5 to 6.5)")
    chart.keyboard.press("Home")
    expect(said).to_contain_text("20\u201329")
    chart.keyboard.press("Escape")
    expect(said).to_have_text("")


def test_a_chart_follows_the_theme(chart: Page) -> None:
    """Its colours change with those of the page, without a reload."""
    canvas = chart.locator("#chart-fairness-age canvas")
    assert OPAQUE_LIGHT in canvas.evaluate(COLOURS)
    chart.emulate_media(color_scheme="dark")
    expect(chart.locator("html")).to_have_attribute("data-bs-theme", "dark")
    drawn = canvas.evaluate(COLOURS)
    assert OPAQUE_DARK in drawn
    assert OPAQUE_LIGHT not in drawn


def test_counts_are_read_off_whole_numbers(open_page: Open, addresses: dict[str, str]) -> None:
    """The axis of a chart of counts has no fractions, however few there are."""
    page = open_page("admin")
    page.goto("/")
    canvas = page.locator("#chart-decisions canvas")
    expect(canvas).to_be_visible()
    ticks = canvas.evaluate("canvas => Chart.getChart(canvas).scales.y.ticks.map(tick => tick.value)")
    assert len(ticks) > 1
    assert all(value == int(value) for value in ticks)
    assert addresses
