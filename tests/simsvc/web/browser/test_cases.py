from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from simsvc.domain.desk.same_person import MEASURED_MODEL_SHA256
from simsvc.flows.estimates.estimate import estimate
from simsvc.values import Crop, Declaration, Estimate
from tests.drawn_faces import draw_face
from tests.simsvc.web.browser.helpers import Live, Open, in_both_themes
from tests.small_site import drawn_photo


def record_face(live: Live, seed: int, side: int) -> None:
    """Put a face on record that the shipped model would see on one side or the other."""
    answer = Estimate(
        *(f"{seed}.jpg", f"{seed:064d}", "estimated"),
        age_years=40.0,
        model_sha256=MEASURED_MODEL_SHA256,
        crop=Crop(np.asarray(draw_face(seed))),
        embedding=np.array([side, 0], dtype=np.float32),
        declared=Declaration("two people"),
    )
    live.services.estimates.record(answer)


def test_the_case_page_asks_by_itself_whether_two_photos_are_one_person(open_page: Open, live: Live) -> None:
    """The question comes with both faces, has no violation, and on a phone nothing is cut off."""
    record_face(live, 4001, 1)
    record_face(live, 4002, -1)
    page = open_page("underwriter")
    page.goto("/cases/two%20people")
    question = page.get_by_role("region", name="Is this the same person?")
    expect(question.locator("img")).to_have_count(2)
    assert in_both_themes(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_contradicting_dates_are_confirmed_without_choosing_the_photo_again(
    open_page: Open, live: Live, photo: Path
) -> None:
    """The box appears in the form as it is, with the reasons; ticked, the photo goes into the case."""
    declared = Declaration("confirmed", date(1990, 5, 4), date(2024, 6, 1))
    estimate(drawn_photo(4003), "first.jpg", live.services.pipeline(), declared=declared)
    page = open_page("underwriter", refused=True)
    page.goto("/estimates?case=confirmed")
    expect(page.get_by_label("Declared birth date")).to_have_value("1990-05-04")
    page.set_input_files("#photo", photo)
    page.get_by_label("Declared birth date").fill("1991-05-04")
    box = page.get_by_label("These dates are right. Record the photo in this case.")
    expect(box).to_be_hidden()
    page.get_by_role("button", name="Estimate age").click()
    expect(box).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="There is a problem")).to_contain_text("1991-05-04")
    assert in_both_themes(page) == []
    box.check()
    page.get_by_role("button", name="Estimate age").click()
    page.wait_for_url("**/estimates/*")
    assert len(live.services.estimates.of_case("confirmed")) == 2
