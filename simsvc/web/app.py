"""The application factory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from flask import Flask
from flask_babel import ngettext
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from simsvc.adapters.ops.private_files import keep_private
from simsvc.domain.estimate.age_prior import short_prior
from simsvc.domain.estimate.doubt import expected_error_years
from simsvc.domain.estimate.flags import flag_sentence
from simsvc.flows.access.accounts import utc_now
from simsvc.settings import Settings, load_settings
from simsvc.web.api import openapi
from simsvc.web.api.common import etags
from simsvc.web.api.resources import health
from simsvc.web.http import assets, errors, once, packed_pages, upload
from simsvc.web.http.current import visitor
from simsvc.web.http.prefix import CheckedPrefix, SetPrefix
from simsvc.web.i18n import language
from simsvc.web.pages import api_reference, audit, confirming, display, fairness, model
from simsvc.web.pages import settings as page_settings
from simsvc.web.pages.accounts import account, oidc, second_factor, sign_in, tokens, users
from simsvc.web.pages.desk import (
    batches,
    cases,
    history,
    home,
    learning,
    notifications,
    opening,
    search,
    work_list,
)
from simsvc.web.pages.faces import gallery, imports, indexes
from simsvc.web.pages.records import (
    decisions,
    erasing,
    evidence,
    pictures,
    referral_parts,
    referrals,
    replays,
    reports,
    who_looked,
)
from simsvc.web.pages.records import estimates as page_estimates
from simsvc.web.rendering.actors import actor_words
from simsvc.web.rendering.charts.age_rows import age_rows, error_rows, share_rows
from simsvc.web.rendering.record_parts import notable_flags
from simsvc.web.security import access, csrf, headers, reads, recent, sessions
from simsvc.web.traffic import access_log, admission, body_size, rate_limits
from simsvc.web.traffic.body_size import MOST_BYTES
from simsvc.wiring.services import Services

_ACCOUNTS = (
    sign_in,
    account,
    users,
    tokens,
    notifications,
    oidc,
    second_factor,
    confirming,
    page_settings,
)
_RECORDS = (
    home,
    search,
    page_estimates,
    batches,
    gallery,
    imports,
    indexes,
    model,
    pictures,
    decisions,
    cases,
    reports,
    evidence,
    history,
    erasing,
    learning,
    audit,
    fairness,
    replays,
    referrals,
    who_looked,
)
BLUEPRINTS = tuple(
    part.blueprint for part in (health, access_log, *_ACCOUNTS, api_reference, display, *_RECORDS, opening)
)
"""Every one of their routes stands in the table of `web.security.access`."""
_FIRST = (access_log, errors, headers, sessions, access)
"""What runs first before each request, in this order."""

_NEXT = (
    reads,
    assets,
    batches,
    imports,
    upload,
    body_size,
    csrf,
    recent,
    once,
    language,
    etags,
    packed_pages,
)
"""What else runs around requests."""


class ShortInteger(IntegerConverter):
    """A whole number in a path; one that nothing could have is no address, and never becomes a number."""

    regex = r"\d{1,9}"


def create_app(settings: Settings | None = None, now: Callable[[], datetime] = utc_now) -> Flask:
    """Return the application. Engines are constructed on first use, thus after a server's workers fork.

    From here on this process makes files that only its own account can read. `now` is aware and in UTC.

    Raises:
        SettingsError: a setting cannot be used.
        StoreError: the database URL cannot be used.
    """
    keep_private()
    settings = settings or load_settings()
    app = Flask(
        "simsvc",
        template_folder=str(settings.templates_dir),
        static_folder=None,
    )
    app.config.update(
        MAX_CONTENT_LENGTH=MOST_BYTES,
        MAX_FORM_PARTS=32,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's own provider, as Flask documents
    app.url_map.converters["int"] = ShortInteger
    app.extensions["simsvc"] = Services(settings, now)
    _behind_proxies(app, settings.proxies)
    _fill_templates(app)
    for module in (*_FIRST, *_NEXT):
        module.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    openapi.register(app)
    admission.register(app)
    rate_limits.register(app)
    return app


def _behind_proxies(app: Flask, proxies: int) -> None:
    """Believe as many X-Forwarded headers as there are proxies, and no more: anyone can send them."""
    script_name = app.extensions["simsvc"].settings.script_name
    wrapped: Any = app.wsgi_app
    if proxies:
        wrapped = ProxyFix(
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies, x_port=0, x_prefix=proxies
        )
        wrapped = CheckedPrefix(wrapped, lambda prefix: _is_ours(app, prefix))
    if script_name:
        wrapped = SetPrefix(wrapped, script_name)
    app.wsgi_app = wrapped  # type: ignore[method-assign]  # Flask's documented way


def _is_ours(app: Flask, prefix: str) -> bool:
    """Say whether a path of ours begins as this prefix does: then a proxy must take it off."""
    first = prefix.split("/")[1]
    return any(str(rule.rule).split("/")[1] == first for rule in app.url_map.iter_rules())


def _fill_templates(app: Flask) -> None:
    app.add_template_filter(in_years)
    app.add_template_filter(in_megabytes)
    app.add_template_filter(signed)
    app.add_template_filter(language.at_utc)
    for rows in (age_rows, share_rows, error_rows):
        app.add_template_filter(rows)
    app.add_template_filter(zip_names)
    app.add_template_filter(flag_sentence)
    app.add_template_filter(notable_flags)
    app.add_template_filter(actor_words)
    app.add_template_filter(short_prior)
    app.add_template_filter(expected_error_years, "expected_error")
    app.add_template_global(pictures.face_url)
    app.add_template_global(visitor)
    app.add_template_global(referral_parts.open_referrals)
    app.add_template_global(work_list.undecided_count)
    app.add_template_filter(work_list.shown_count)
    app.add_template_global(app.extensions["simsvc"].settings.photo_days, "photo_days")


def in_years(age_years: float) -> str:
    """Write an age in whole years in the visitor's language: "1 year", "37 years"."""
    return str(ngettext("%(num)s year", "%(num)s years", round(age_years)))


def signed(figure: float, places: int = 1) -> str:
    """Write a difference with its sign, a true minus: "+1.2", "\N{MINUS SIGN}10.2"."""
    return f"{figure:+.{places}f}".replace("-", "\N{MINUS SIGN}")


def in_megabytes(size_bytes: int) -> str:
    """Write a size in units that are easy to read: "12 MB", "3.4 GB"."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"


def zip_names(values: Iterable[str], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pair values with what they are called; one without a name is called as it is."""
    return [(value, names.get(value, value)) for value in values]
