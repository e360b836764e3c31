from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import update

from simsvc.adapters.inference.model_card import PNG_SIGNATURE
from simsvc.settings import Settings
from simsvc.store.database import Database
from simsvc.store.tables import EstimateRow
from simsvc.web.app import create_app
from simsvc.wiring.audit.served import accept
from tests.simsvc.web.helpers import checked, upload
from tests.simsvc.web.programs import bearer
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo
from tests.tiny_bundle import make_tiny_bundle

BAND = {"from_years": 0.0, "below_years": -200.0, "above_years": 7.0, "faces": 50}


def client_with(site: Settings, folder: Path, **entries: object) -> FlaskClient:
    """Serve the site's model with more entries in its model.json; "calibration" gets the model's sha256."""
    path = make_tiny_bundle(folder / "model") / "model.json"
    document = json.loads(path.read_text()) | entries
    if "calibration" in entries:
        document["calibration"]["model_sha256"] = document["files"]["model.onnx"]["sha256"]
    path.write_text(json.dumps(document))
    app = create_app(site.model_copy(update={"bundle_dir": path.parent}))
    desk = app.extensions["simsvc"]
    accept(desk.settings, desk.database)
    return signed_in(app)


@pytest.fixture
def calibrated(site: Settings, tmp_path: Path) -> FlaskClient:
    words = {"method": "m", "source": "s", "split": "valid"}
    calibration = {"format": 1, **words, "coverage": 0.9, "faces": 50, "bands": [BAND]}
    return client_with(site, tmp_path, calibration=calibration)


@pytest.fixture
def withholding(site: Settings, tmp_path: Path) -> FlaskClient:
    thresholds = {"sharpness_at_least": 1e9, "source": "no photo is as sharp"}
    return client_with(site, tmp_path, quality=thresholds, withhold=["blurred"])


def test_the_interval_is_in_the_answer_the_plot_and_in_words(calibrated: FlaskClient) -> None:
    """The object has both ends; the page shades the range, says it and says what it means."""
    url = upload(calibrated, drawn_photo())
    answer = calibrated.get("/api/v1" + url, headers=bearer(calibrated.application)).get_json()
    html = calibrated.get(url).text
    words = f"Likely between 0 and {answer['age_years'] + 7:.0f} (90% range)"
    assert answer["interval_years"] == [0.0, pytest.approx(answer["age_years"] + 7, abs=0.011)]
    assert answer["coverage"] == 0.9
    assert f"<strong>{words}</strong>" in html
    assert re.search(rf'<desc id="plot-desc">The estimate is \d+ years\. {re.escape(words)}\.', html)
    assert '<rect class="range"' in html
    assert "about 90" in html
    assert checked(html).inline == []


def test_without_a_calibration_no_range_is_shown(client: FlaskClient) -> None:
    """A model that was never calibrated gives an age without a range."""
    url = upload(client, drawn_photo())
    html = client.get(url).text
    assert (
        client.get("/api/v1" + url, headers=bearer(client.application)).get_json()["interval_years"] is None
    )
    assert "range" not in re.sub(r"(?s)<head>.*?</head>", "", html)


def test_a_withheld_estimate_leads_with_the_referral(withholding: FlaskClient) -> None:
    """The reason comes before the age, once, and the object says so too; the status stays "estimated"."""
    url = upload(withholding, drawn_photo())
    answer = withholding.get("/api/v1" + url, headers=bearer(withholding.application)).get_json()
    html = withholding.get(url).text
    assert (answer["status"], answer["refer"]) == ("estimated", True)
    assert answer["refer_reason"] == "The face is blurred. Use a sharper photo."
    assert html.index("Send for review") < html.index(answer["refer_reason"]) < html.index("Estimated age")
    assert html.replace(f'title="{answer["refer_reason"]}"', "").count(answer["refer_reason"]) == 1
    assert checked(html).inline == []


def test_an_estimate_that_stands_mentions_no_referral(client: FlaskClient) -> None:
    """Without a withheld flag nobody is referred to before the age; the decision's buttons come after it."""
    html = client.get(upload(client, drawn_photo())).text
    assert "Send for review" not in html[: html.index("Estimated age")]
    assert html.index("Estimated age") < html.index("Need more…") < html.index(">Send for review</button>")


def test_support_and_quality_are_shown(client: FlaskClient) -> None:
    """The answer carries support in 0..1 and every measure of quality, and the page shows them."""
    url = upload(client, drawn_photo())
    answer = client.get("/api/v1" + url, headers=bearer(client.application)).get_json()
    html = client.get(url).text
    assert 0 <= answer["support"] <= 1
    assert answer["quality"]["face_px"] > 48
    assert set(answer["evidence"]) == {"neighbours_age_years", "close", "count"}
    assert "Photo quality" in html
    assert "Support from the reference faces" in html


def test_a_damaged_calibration_stops_the_service_with_a_sentence(site: Settings, tmp_path: Path) -> None:
    """Nonsense in the calibration is 503 and names the remedy; nothing is estimated without it."""
    broken = client_with(site, tmp_path, calibration={"format": 1})
    response = broken.get("/readyz")
    assert response.status_code == 503
    assert "trainer calibrate" in response.get_json()["parts"][0]["sentence"]


def test_the_saliency_is_shown_on_demand_without_script(client: FlaskClient) -> None:
    """A plain link leads to the same page with the picture, which is a PNG."""
    html = client.get(upload(client, drawn_photo())).text
    assert "saliency.png" not in html
    (link,) = [source for source in checked(html).sources if "saliency" in source]
    page = checked(client.get(link.partition("#")[0]).text)
    (picture,) = [source for source in page.sources if source.endswith("/saliency.png")]
    response = client.get(picture)
    assert Image.open(io.BytesIO(response.data)).format == "PNG"
    assert page.inline == []


def test_the_saliency_is_kept_by_no_cache(client: FlaskClient) -> None:
    """The picture shows a face that may be erased: no browser keeps it."""
    response = client.get(upload(client, drawn_photo()) + "/saliency.png")
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")


def test_an_estimate_of_another_model_has_no_saliency(client: FlaskClient, site: Settings) -> None:
    """After a change of model the picture and its page say so with 409; the record is still shown."""
    url = upload(client, drawn_photo())
    database = Database(site.database_url)
    with database.transaction() as session:
        changed = update(EstimateRow).where(EstimateRow.public_id == url.rpartition("/")[2])
        session.execute(changed.values(model_sha256="00" * 32))
    database.close()
    for path in (f"{url}/saliency.png", f"{url}?saliency=1"):
        response = client.get(path)
        assert response.status_code == 409
        assert "different model" in response.text
    assert client.get(url).status_code == 200


@pytest.mark.parametrize("photo", [None, b"no photo"])
def test_what_was_not_judged_has_no_saliency(client: FlaskClient, photo: bytes | None) -> None:
    """A refused photo and an unknown record have no picture."""
    url = "/estimates/" + "0" * 32 if photo is None else upload(client, photo)
    assert client.get(url + "/saliency.png").status_code == 404


def test_the_model_page_tells_what_model_json_says(client: FlaskClient) -> None:
    """Without a card the page has version, hash and the terms of the data; every page leads to it."""
    html = client.get("/model").text
    assert "tiny-0" in html
    assert "has no model card" in html
    assert "Data terms" in html
    assert re.search(r"[0-9a-f]{64}", html)
    assert checked(html).inline == []
    assert "/model" in checked(client.get("/").text).sources
    assert "/model" in checked(client.get(upload(client, drawn_photo())).text).sources


def test_the_model_card_is_shown_with_its_plots(site: Settings, tmp_path: Path) -> None:
    """Sections and tables of the card come with the plots that lie beside it, escaped."""
    served = client_with(site, tmp_path)
    card = {
        "model_details": {"name": "<b>face</b>"},
        "quantitative_analysis": {"performance_metrics": [{"slice": "all", "mae": 4.2}]},
    }
    (tmp_path / "model" / "model_card.json").write_text(json.dumps(card))
    (tmp_path / "model" / "groups.png").write_bytes(PNG_SIGNATURE)
    html = served.get("/model").text
    page = checked(html)
    assert "Its model card, below, says what the model is" in html
    assert "&lt;b&gt;face&lt;/b&gt;" in html
    assert re.search(r'<th scope="row">all</th><td>4.2</td>', html)
    assert [source for source in page.sources if source.startswith("/model/")] == ["/model/groups.png"]
    assert served.get("/model/groups.png").mimetype == "image/png"


@pytest.mark.parametrize("name", ["framing.png", "model.onnx", "..%2fmodel.png", "secret.png"])
def test_only_plots_of_the_card_are_served(site: Settings, tmp_path: Path, name: str) -> None:
    """No other name leads to a file of the bundle folder."""
    served = client_with(site, tmp_path)
    (tmp_path / "model" / "secret.png").write_bytes(PNG_SIGNATURE)
    assert served.get(f"/model/{name}").status_code == 404


def test_a_damaged_card_is_a_sentence(site: Settings, tmp_path: Path) -> None:
    """A card that cannot be read is 503 with what to do."""
    served = client_with(site, tmp_path)
    (tmp_path / "model" / "model_card.json").write_text("[")
    response = served.get("/model")
    assert response.status_code == 503
    assert "trainer card" in response.text


def test_without_a_model_the_model_page_is_a_sentence(without_model: FlaskClient) -> None:
    """A missing bundle is 503."""
    assert without_model.get("/model").status_code == 503
