"""The check of a photo before it is sent: what it says, and that it records nothing."""

from __future__ import annotations

import base64
import io
from typing import Any

from flask.testing import FlaskClient
from PIL import Image

from simsvc.store.desk.history import HistoryFilter
from simsvc.wiring.services import Services
from tests.drawn_faces import draw_face
from tests.simsvc.web.helpers import upload
from tests.small_site import drawn_photo


def check(client: FlaskClient, data: bytes) -> dict[str, Any]:
    answer = client.post("/crop", data={"photo": (io.BytesIO(data), "a.jpg")})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def two_faces() -> bytes:
    picture = Image.new("RGB", (900, 400), (150, 160, 170))
    picture.paste(draw_face(11, 400), (0, 0))
    picture.paste(draw_face(12, 400), (500, 0))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=92)
    return file.getvalue()


def test_the_crop_is_that_of_the_record_which_follows(client: FlaskClient, desk: Services) -> None:
    """And the check by itself records nothing."""
    before = desk.history.page(HistoryFilter(), "newest", 1)[0]
    found = check(client, drawn_photo())
    assert (found["usable"], [face["used"] for face in found["faces"]]) == (True, [True])
    assert desk.history.page(HistoryFilter(), "newest", 1)[0] == before
    crop = client.get(upload(client, drawn_photo()) + "/crop.png").data
    assert base64.b64decode(found["crop"].partition(",")[2]) == crop


def test_quality_is_said_in_words(client: FlaskClient) -> None:
    """Light, sharpness, angle, frame and size each have a line."""
    aspects = check(client, drawn_photo())["aspects"]
    assert [one["name"] for one in aspects] == ["Lighting", "Sharpness", "Angle", "Whole face", "Size"]
    assert aspects[-1]["words"].endswith("pixels")


def test_one_of_two_faces_is_to_be_chosen(client: FlaskClient) -> None:
    """Each face comes with a cut of the photo that shows it alone and can be used."""
    data = two_faces()
    found = check(client, data)
    assert (found["usable"], found["choose"], found["sentence"]) == (
        False,
        True,
        "2 faces found: choose one.",
    )
    picture = Image.open(io.BytesIO(data))
    for face in found["faces"]:
        left, top, width, height = face["cut"]
        box = (left * 900, top * 400, (left + width) * 900, (top + height) * 400)
        file = io.BytesIO()
        picture.crop(tuple(round(edge) for edge in box)).save(file, "JPEG", quality=95)
        alone = check(client, file.getvalue())
        assert (alone["usable"], len(alone["faces"])) == (True, 1)


def test_a_photo_that_would_be_refused_is_told_before(client: FlaskClient) -> None:
    """Without a face there is no crop but the sentence of the refusal."""
    found = check(client, b"no photo")
    assert (found["usable"], found["crop"], "not a photo" in found["sentence"]) == (False, None, True)
