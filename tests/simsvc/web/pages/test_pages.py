from __future__ import annotations

import io
import re

import pytest
from flask.testing import FlaskClient
from PIL import Image

from simsvc.settings import Settings
from tests.simsvc.web.helpers import checked, upload
from tests.small_site import FACES, drawn_photo


def test_the_first_page_has_a_form_that_works_alone(client: FlaskClient) -> None:
    """The upload form posts a file without any script."""
    html = client.get("/").text
    assert re.search(r'<form[^>]*action="/estimates" method="post" enctype="multipart/form-data"', html)
    assert re.search(r'<input[^>]*type="file"[^>]*name="photo"', html)


def test_an_upload_leads_to_its_answer(client: FlaskClient) -> None:
    """The answer shows age, crop, the nearest four and all twelve faces, the plot and the record."""
    html = client.get(upload(client, drawn_photo())).text
    assert "Estimated age" in html
    nearest, faces = re.findall(r'(?s)<ol class="(?:nearest|faces)">(.*?)</ol>', html)
    for part, count in ((nearest, 4), (faces, 12)):
        assert len(re.findall(r'<img src="/faces/demo/b-[0-9a-f]{12}/f[0-9a-f]{16}\.jpg"', part)) == count
        assert len(re.findall(r"similarity \d\.\d\d</span>", part)) == count
    assert len(re.findall(r'<circle class="neighbour"', html)) == 12
    assert "tiny-0" in html
    assert "demo/b-" in html


def test_every_picture_on_the_answer_exists(client: FlaskClient) -> None:
    """Each picture, style and script that the page names is served."""
    html = client.get(upload(client, drawn_photo())).text
    for source in checked(html).sources:
        assert client.get(source).status_code == 200, source


def test_the_crop_is_the_judged_pixels(client: FlaskClient) -> None:
    """The crop is a PNG of the model's input size and stays out of every cache."""
    response = client.get(upload(client, drawn_photo()) + "/crop.png")
    assert Image.open(io.BytesIO(response.data)).size == (32, 32)
    assert response.headers["Cache-Control"] == "no-store"


def test_a_refused_photo_leads_with_the_sentence(client: FlaskClient) -> None:
    """The refusal comes first, with what to do, a form to try again, and no age."""
    html = client.get(upload(client, b"not a photo", "letter.txt")).text
    assert (
        html.index("This file is not a photo") < html.index('<form class="upload"') < html.index(">Record<")
    )
    assert "Estimated age" not in html


def test_a_refused_photo_has_no_crop(client: FlaskClient) -> None:
    """Nothing was judged, so there is no crop to show."""
    assert client.get(upload(client, b"not a photo") + "/crop.png").status_code == 404


def test_a_hostile_file_name_is_only_text(client: FlaskClient) -> None:
    """Markup in a file name is shown, never run."""
    html = client.get(upload(client, drawn_photo(), "<script>alert(1)</script>.jpg")).text
    assert "<script>alert" not in html
    checked(html)


@pytest.mark.parametrize("path", ["/", "/gallery", "/nowhere"])
def test_pages_are_balanced_and_keep_the_policy(client: FlaskClient, path: str) -> None:
    """No inline script, style or handler; every element closed; nothing from elsewhere."""
    page = checked(client.get(path).text)
    assert page.inline == []
    assert all(source.startswith("/") for source in page.sources + page.actions)


@pytest.mark.parametrize("photo", [drawn_photo(), b"no photo"])
def test_answers_are_balanced_and_keep_the_policy(client: FlaskClient, photo: bytes) -> None:
    """The answer pages keep the content security policy too."""
    page = checked(client.get(upload(client, photo)).text)
    assert page.inline == []
    assert all(source.startswith("/") for source in page.sources + page.actions)


def test_the_plot_says_its_content_to_a_screen_reader(client: FlaskClient) -> None:
    """The drawing has a role, a title and a description."""
    html = client.get(upload(client, drawn_photo())).text
    assert re.search(r'<svg[^>]*role="img" aria-labelledby="plot-title plot-desc"', html)
    assert re.search(r'<desc id="plot-desc">The estimate is \d+ years\.', html)


def test_the_gallery_says_that_composites_show_no_one(client: FlaskClient) -> None:
    """The page says what composites are and shows them in order of age."""
    html = client.get("/gallery").text
    ages = [int(age) for age in re.findall(r'face-age">(\d+) year', html)]
    assert "six different people" in " ".join(html.split())
    assert "No composite shows a real person" in " ".join(html.split())
    assert len(ages) == FACES
    assert ages == sorted(ages)


def test_one_year_is_singular(client: FlaskClient) -> None:
    """The youngest face is of 1 year, not of 1 years."""
    html = client.get("/gallery").text
    assert "1 year<" in html
    assert ">1 years<" not in html


def test_thumbnails_are_kept_by_no_cache(client: FlaskClient) -> None:
    """A labelled face may be erased: no browser keeps its thumbnail."""
    url = next(u for u in checked(client.get("/gallery").text).sources if u.startswith("/faces/"))
    response = client.get(url)
    assert response.mimetype == "image/jpeg"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/faces/demo/b-000000000000/f0000000000000000.jpg",
        "/faces/demo/..%2f..%2fetc/passwd.jpg",
        "/faces/../b-000000000000/f.jpg",
        "/faces/demo/current.json/x.jpg",
    ],
)
def test_no_path_leads_out_of_the_builds(client: FlaskClient, path: str) -> None:
    """Names that are no build's are not found."""
    assert client.get(path).status_code == 404


def test_a_form_without_a_photo_is_an_error_page(client: FlaskClient, site: Settings) -> None:
    """Sending the form empty says so on a page with a way back."""
    del site
    response = client.post("/estimates", data={}, content_type="multipart/form-data")
    assert response.status_code == 400
    assert "Choose a photo" in response.text
    assert 'href="/"' in response.text
