"""The photo check in the browser: choosing a face, turning and cutting before the photo is sent."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests.helpers import wait_until
from tests.simsvc.web.browser.helpers import Open, chosen, estimate, in_both_themes
from tests.simsvc.web.helpers import two_faces
from tests.small_site import drawn_photo

SIZE = """async () => {
  const picture = await createImageBitmap(document.getElementById("photo").files[0]);
  return [picture.width, picture.height];
}"""


def payload(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "image/jpeg", "buffer": data}


def choose(page: Page, name: str, data: bytes) -> None:
    page.goto("/")
    page.set_input_files("#photo", [payload(name, data)])


@pytest.mark.parametrize("by_box", [True, False])
def test_one_of_two_faces_is_chosen(open_page: Open, by_box: bool) -> None:
    """By its box in the photo or from a list; the record says in the photo's name what was sent."""
    page = open_page("underwriter")
    choose(page, "couple.jpg", two_faces())
    expect(page.locator(".check-sentence")).to_have_text("2 faces found: choose one.")
    page.get_by_role("button" if by_box else "radio", name="Face 2").click()
    expect(page.get_by_role("img", name="Face we will use")).to_be_visible()
    expect(page.locator(".check-sentence")).to_be_empty()
    assert chosen(page) == ["couple (face 2 of 2).jpg"]
    estimate(page)
    expect(page.get_by_text("couple (face 2 of 2).jpg").first).to_be_visible()


def test_a_photo_is_turned_and_the_original_comes_back(open_page: Open) -> None:
    """What is sent is turned by a quarter, and named so; undone, it is the file as it was chosen."""
    page = open_page("underwriter")
    wide = io.BytesIO()
    Image.open(io.BytesIO(drawn_photo(31))).crop((0, 0, 400, 360)).save(wide, "JPEG", quality=95)
    choose(page, "wide.jpg", wide.getvalue())
    expect(page.get_by_role("img", name="Face we will use")).to_be_visible()
    page.get_by_role("button", name="Rotate right").click()
    expect(page.locator(".crop-name")).to_have_text("wide (rotated 90).jpg")
    assert page.evaluate(SIZE) == [360, 400]
    page.get_by_role("button", name="Use original photo").click()
    expect(page.locator(".crop-name")).to_have_text("wide.jpg")
    assert page.evaluate(SIZE) == [400, 360]


def test_a_photo_is_cut_by_keyboard_and_by_mouse(open_page: Open) -> None:
    """Four edges move by arrow keys; a drag over the photo sets all of them."""
    page = open_page("underwriter")
    choose(page, "me.jpg", drawn_photo(32))
    expect(page.get_by_role("img", name="Face we will use")).to_be_visible()
    page.get_by_role("button", name="Crop", exact=True).click()
    expect(page.get_by_label("Left edge")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.get_by_label("Right edge").press("ArrowRight")
    page.get_by_role("button", name="Apply crop").click()
    expect(page.locator(".crop-name")).to_have_text("me (cropped).jpg")
    assert page.evaluate(SIZE) == [328, 320]
    page.get_by_role("button", name="Crop", exact=True).click()
    box = page.locator(".check-stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 1, box["y"] + 1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.up()
    assert page.get_by_label("Right edge").input_value() == "50"
    page.get_by_role("button", name="Apply crop").click()
    expect(page.get_by_role("button", name="Apply crop")).to_be_hidden()
    wait_until(lambda: page.evaluate(SIZE)[0] < 200)


def test_axe_finds_nothing_in_the_check(open_page: Open) -> None:
    """Neither with two faces to choose from nor while a photo is being cut."""
    page = open_page("underwriter")
    choose(page, "couple.jpg", two_faces())
    expect(page.get_by_role("radio", name="Face 2")).to_be_visible()
    page.get_by_role("button", name="Crop", exact=True).click()
    assert in_both_themes(page) == []
