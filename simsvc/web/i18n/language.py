"""Language and theme: chosen by the visitor, kept in cookies of their own, else as the browser wishes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, request
from flask_babel import Babel, format_datetime, gettext
from markupsafe import Markup

from simsvc.messages import Message

TRANSLATIONS_DIR = Path(__file__).resolve().parents[1] / "translations"
LANGUAGES = {"en": "English", "zh_Hans": "简体中文"}
"""Locale to its own name for itself; English is what the code speaks and needs no catalogue."""
THEMES = ("auto", "light", "dark")
LANGUAGE_COOKIE, THEME_COOKIE = "language", "theme"
_ASKED_FOR = {"en": "en", "zh": "zh_Hans", "zh-CN": "zh_Hans", "zh-Hans": "zh_Hans", "zh-SG": "zh_Hans"}


def register(app: Flask) -> None:
    """Give templates `_`, `translated`, `local_time`, and what the layout needs to know."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(TRANSLATIONS_DIR)
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    Babel(app, locale_selector=language)
    app.add_template_filter(translated)
    app.add_template_filter(local_time)
    app.context_processor(_layout)


def language() -> str:
    """Return the locale of the visitor."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen is not None and chosen in LANGUAGES:
        return chosen
    return _ASKED_FOR[request.accept_languages.best_match(_ASKED_FOR, "en")]


def theme() -> str:
    """Return the theme of the visitor: "auto" follows the system."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "auto"


def translated(said: Message | str | None) -> str:
    """Return a message, or a word such as a role, in the visitor's language; in English where unknown."""
    if not said:
        return ""
    return said.render(gettext) if isinstance(said, Message) else str(gettext(said))


def local_time(instant: datetime) -> Markup:
    """Write an instant for a page: static/times.js turns UTC into the visitor's own time."""
    utc = instant.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}">{}</time>').format(utc, at_utc(instant))


def at_utc(instant: datetime) -> str:
    """Write an instant in the visitor's language and in UTC, as exports have it."""
    form = gettext("d MMMM y, HH:mm:ss 'UTC'")
    return str(format_datetime(instant.astimezone(UTC), form, rebase=False))


def _layout() -> dict[str, object]:
    return {
        "language": language(),
        "languages": LANGUAGES,
        "theme": theme(),
        "themes": THEMES,
        "html_language": language().replace("_", "-"),
    }
