"""An administrator imports reference faces in the browser, compares, switches and goes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.helpers import zipped
from tests.simsvc.web.browser.helpers import Live, Open
from tests.small_site import drawn_photo


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a ZIP of eight drawn faces and their labels, one of them without a photo."""
    files = {f"faces/{number}.jpg": drawn_photo(900 + number) for number in range(8)}
    rows = "".join(f"{number}.jpg,{20 + 5 * number},p{number}\n" for number in range(8))
    path = tmp_path / "faces.zip"
    path.write_bytes(zipped({**files, "faces/labels.csv": f"file,age,person\n{rows}gone.jpg,3,\n".encode()}))
    return path


def no_sideways_scrolling(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_from_zip_to_service_and_back(open_page: Open, live: Live, archive: Path) -> None:
    """Upload, watch the check and the build, compare, switch, roll back: in Chromium, with real processes."""
    before = live.services.shelf.current()
    page = open_page("admin")
    page.goto("/gallery")
    page.get_by_role("link", name="Import reference faces").click()
    page.get_by_label("Name of the data set").first.fill("browser")
    page.set_input_files("#photos", archive)
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url("**/gallery/imports/*")
    page.get_by_role("button", name="Build an index of 8 faces").wait_for()
    expect(page.get_by_role("row", name="gone.jpg")).to_contain_text("no such file in the upload")
    page.get_by_role("button", name="Build an index of 8 faces").click()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="Put this build into service?")).to_be_visible()
    assert no_sideways_scrolling(page)
    assert live.services.shelf.current() == before
    page.get_by_role("button", name="Put into service").click()
    page.get_by_text("is in service. All workers").wait_for()
    assert str(live.services.shelf.current()).startswith("browser/")
    page.get_by_role("button", name="Roll back").click()
    page.get_by_text("is in service. All workers").wait_for()
    assert live.services.shelf.current() == before


def test_an_upload_without_script(open_page: Open, archive: Path) -> None:
    """Plain forms: a refused upload keeps the name, a good one is checked, its page reloads by itself."""
    page = open_page("admin", script=False, refused=True, phone=True)
    page.goto("/gallery/imports")
    page.fill("#name", "plain")
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("alert")).to_contain_text("No files were received")
    assert page.input_value("#name") == "plain"
    page.set_input_files("#photos", archive)
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_role("button", name="Build an index of 8 faces").wait_for()
    page.get_by_text("Delete this upload").click()
    page.get_by_label("Yes, delete").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("The upload plain was deleted.").wait_for()
