"""Every way that a photo reaches the desk."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.helpers import wait_until
from tests.simsvc.web.browser.helpers import TO_TRANSFER, Live, Open, chosen, estimate, sign_in
from tests.small_site import drawn_photo

TO_CLIPBOARD = """async base64 => {
  const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext("2d").drawImage(picture, 0, 0);
  const png = await canvas.convertToBlob({ type: "image/png" });
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
}"""


def test_the_crop_is_shown_before_the_photo_is_sent(open_page: Open, photo: Path) -> None:
    """Choosing a photo shows it and its face; a file without one is told at once, and can still be sent."""
    page = open_page("underwriter", refused=True)
    page.goto("/")
    page.set_input_files("#photo", photo)
    expect(page.get_by_role("img", name="Selected photo")).to_be_visible()
    expect(page.get_by_role("img", name="Face we will use")).to_be_visible()
    letter = {"name": "letter.txt", "mimeType": "text/plain", "buffer": b"no photo"}
    page.set_input_files("#photo", [letter])
    expect(page.locator(".as-judged")).to_contain_text("This file is not a photo")
    expect(page.get_by_role("img", name="Face we will use")).to_have_count(0)
    expect(page.get_by_role("button", name="Estimate age")).to_be_enabled()


def test_a_photo_is_dropped(open_page: Open) -> None:
    """What is dropped on the area is chosen, and judged."""
    page = open_page("underwriter")
    page.goto("/")
    carried = page.evaluate_handle(TO_TRANSFER, [base64.b64encode(drawn_photo(21)).decode(), "dropped.jpg"])
    page.dispatch_event(".drop-area", "dragover", {"dataTransfer": carried})
    expect(page.locator(".drop-area")).to_have_class(re.compile(r"\bover\b"))
    page.dispatch_event(".drop-area", "drop", {"dataTransfer": carried})
    assert chosen(page) == ["dropped.jpg"]
    estimate(page)
    expect(page.locator(".photo-name")).to_have_text("dropped.jpg")


def test_a_photo_is_pasted(open_page: Open) -> None:
    """A picture in the clipboard is chosen by the keys that paste anything."""
    page = open_page("underwriter")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/")
    page.evaluate(TO_CLIPBOARD, base64.b64encode(drawn_photo(22)).decode())
    page.keyboard.press("Control+V")
    expect(page.get_by_role("img", name="Face we will use")).to_be_visible()
    assert len(chosen(page)) == 1
    estimate(page)


def test_a_photo_is_taken(open_page: Open) -> None:
    """The camera says what to change, the photo of it is judged, and the camera is off afterwards."""
    page = open_page("underwriter")
    page.goto("/")
    page.get_by_role("button", name="Use the camera").click()
    expect(page.get_by_role("button", name="Take photo")).to_be_focused()
    wait_until(lambda: page.evaluate("document.querySelector('video').videoWidth > 0"))
    expect(page.locator(".camera-hint")).to_contain_text(re.compile(r"\w"))
    track = page.evaluate_handle("document.querySelector('video').srcObject.getTracks()[0]")
    page.get_by_role("button", name="Take photo").click()
    expect(page.get_by_role("img", name="Face we will use")).to_be_visible()
    assert chosen(page) == ["camera.jpg"]
    assert track.evaluate("track => track.readyState") == "ended"
    estimate(page)


def test_the_upload_tells_how_far_it_is(open_page: Open) -> None:
    """On a slow line the bar moves and the button waits; then the answer comes."""
    page = open_page("underwriter")
    page.goto("/")
    large = {"name": "l.jpg", "mimeType": "image/jpeg", "buffer": drawn_photo(23) + bytes(range(256)) * 2_000}
    page.set_input_files("#photo", [large])
    expect(page.get_by_role("img", name="Face we will use")).to_be_visible()
    line = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 250_000}
    line.send("Network.emulateNetworkConditions", slow)
    page.get_by_role("button", name="Estimate age").click()
    wait_until(
        lambda: 0 < page.evaluate("(bar => bar.hidden ? 0 : bar.value)(document.querySelector('.sent'))") < 1
    )
    expect(page.get_by_role("button", name="Estimate age")).to_be_disabled()
    page.wait_for_url("**/estimates/*")


def test_several_photos_become_a_case(open_page: Open, photo: Path) -> None:
    """Without a reference the form says what lacks and keeps the photos; with it they stand together."""
    page = open_page("underwriter", refused=True)
    page.goto("/")
    second = {"name": "second.jpg", "mimeType": "image/jpeg", "buffer": drawn_photo(24)}
    page.set_input_files(
        "#photo", [{"name": "me.jpg", "mimeType": "image/jpeg", "buffer": photo.read_bytes()}, second]
    )
    page.get_by_label("Declared birth date").fill("1980-02-29")
    page.get_by_role("button", name="Estimate age").click()
    expect(page.locator("#case-error")).to_contain_text("belong to one case")
    expect(page.get_by_label("Case reference")).to_be_focused()
    assert chosen(page) == ["me.jpg", "second.jpg"]
    assert page.get_by_label("Declared birth date").input_value() == "1980-02-29"
    page.get_by_label("Case reference").fill("several/2")
    page.get_by_role("button", name="Estimate age").click()
    page.wait_for_url("**/cases/several/2")
    expect(page.get_by_role("img", name="The face in record")).to_have_count(2)
    expect(page.get_by_text("This is the median of 2 photos")).to_be_visible()


def test_a_session_lost_while_sending_loses_nothing(open_page: Open, live: Live, photo: Path) -> None:
    """Photo, case and date stay; signed in again in another tab, one click more is enough."""
    page = open_page("underwriter", refused=True)
    page.goto("/")
    page.set_input_files("#photo", photo)
    expect(page.get_by_role("img", name="Face we will use")).to_be_visible()
    page.get_by_text("Case and declared dates").click()
    page.get_by_label("Case reference").fill("lost and found")
    page.get_by_label("Declared birth date").fill("1990-05-04")
    page.context.clear_cookies()
    page.get_by_role("button", name="Estimate age").click()
    expect(page.locator("#photo-problem")).to_contain_text("Your session ended")
    assert page.locator("#photo-problem").get_by_role("link").get_attribute("href") == "/sign-in"
    assert chosen(page) == ["me.jpg"]
    sign_in(page.context, live, "underwriter")
    estimate(page)
    expect(page.get_by_role("link", name="lost and found")).to_be_visible()
    expect(page.get_by_text("Born 1990-05-04 (declared)")).to_be_visible()


PARTS_BYTES = """() => [
  ...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")
].filter(part => !/[.](png|jpg|svg)([?]|$)/.test(part.name)).map(part => part.encodedBodySize)"""
"""What the browser itself counted of page, styles and scripts, compressed, fetched or at hand already."""


def test_pages_are_light_and_come_from_here(open_page: Open, addresses: dict[str, str]) -> None:
    """No page weighs 150 kB without its photos; `open_page` watches that nothing comes from elsewhere."""
    page = open_page("admin", refused=True)
    for endpoint, address in addresses.items():
        if not endpoint.startswith("sign_in."):
            page.goto(address)
            parts: list[int] = page.evaluate(PARTS_BYTES)
            assert len(parts) >= 4, endpoint
            assert 20_000 < sum(parts) < 150_000, endpoint
