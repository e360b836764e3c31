"""The application factory."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from flask_bootstrap import Bootstrap5

from simsvc.settings import Settings, load_settings
from simsvc.steps.flags import flag_sentence
from simsvc.web import errors, headers
from simsvc.web.api import estimates as api_estimates
from simsvc.web.api import health
from simsvc.web.pages import estimates as page_estimates
from simsvc.web.pages import gallery, model, pictures
from simsvc.wiring import Services

FORM_OVERHEAD_BYTES = 64 * 1024
"""What a form adds to the photo: boundaries, field names, headers."""


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application. Engines are constructed on first use, thus after a server's workers fork.

    Raises:
        SettingsError: a setting cannot be used.
        StoreError: the database URL cannot be used.
    """
    settings = settings or load_settings()
    app = Flask(
        "simsvc",
        template_folder=str(settings.templates_dir),
        static_folder=str(Path(__file__).resolve().parent / "static"),
    )
    app.config.update(
        BOOTSTRAP_SERVE_LOCAL=True,
        MAX_CONTENT_LENGTH=settings.max_upload_bytes + FORM_OVERHEAD_BYTES,
        MAX_FORM_PARTS=16,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    app.json = _in_given_order(app)
    app.extensions["simsvc"] = Services(settings)
    app.add_template_filter(in_years)
    app.add_template_filter(flag_sentence)
    app.add_template_global(pictures.face_url)
    Bootstrap5(app)
    for module in (errors, headers):
        module.register(app)
    for blueprint in (
        api_estimates.blueprint,
        health.blueprint,
        page_estimates.blueprint,
        gallery.blueprint,
        model.blueprint,
        pictures.blueprint,
    ):
        app.register_blueprint(blueprint)
    return app


def in_years(age_years: float) -> str:
    """Write an age in whole years: "1 year", "37 years"."""
    whole = f"{age_years:.0f}"
    return f"{whole} year" if whole == "1" else f"{whole} years"


def _in_given_order(app: Flask) -> DefaultJSONProvider:
    """Return a JSON provider that leaves keys as they come: id first, times by step in order."""
    provider = DefaultJSONProvider(app)
    provider.sort_keys = False
    return provider
