from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from simsvc.domain.desk.declared import declared_age
from simsvc.domain.gallery.sample import SAMPLES
from simsvc.settings import Settings, load_settings
from simsvc.web.app import create_app
from simsvc.web.rendering.glossary import GLOSSARY
from tests.simsvc.web.signed_in import signed_in


def test_each_sample_is_an_estimate_in_a_case_of_ones_own(site: Settings) -> None:
    """The person is led to the first one; each has its declared age."""
    app = create_app(site.model_copy(update={"gallery_dir": load_settings({}).gallery_dir}))
    sent = signed_in(app).post("/samples")
    estimates = app.extensions["simsvc"].estimates
    records = [estimates.of_case(f"Sample underwriter {sample.name}")[0] for sample in SAMPLES]
    assert sent.headers["Location"].endswith(records[0].id)
    assert [declared_age(record.estimate.declared, record.created_at.date()) for record in records] == [
        sample.declared_years for sample in SAMPLES
    ]


def test_without_demo_faces_there_are_no_samples(site: Settings, tmp_path: Path) -> None:
    """The page says why, and what to do."""
    client = signed_in(create_app(site.model_copy(update={"gallery_dir": tmp_path})))
    sent = client.post("/samples")
    assert sent.status_code == 409
    assert "has no demo faces" in sent.text


def test_the_glossary_has_every_term(client: FlaskClient) -> None:
    """Each term has an address, so that pages can point at it."""
    page = client.get("/glossary").text
    assert all(f'id="{name}"' in page for name in GLOSSARY)


def test_an_auditor_is_not_offered_samples(app: Flask) -> None:
    """Samples are estimates: who may make none gets none."""
    assert signed_in(app, "auditor").get("/samples").status_code == 403
