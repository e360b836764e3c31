"""`flask translations ...`: for developers, who change what the pages say."""

from __future__ import annotations

from pathlib import Path

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from flask import current_app
from flask.cli import AppGroup

from simsvc.settings import PACKAGE_DIR
from simsvc.web.i18n.language import LANGUAGES, TRANSLATIONS_DIR

WIDTH = 110
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
HEADER = "# What the pages of simsvc say. Edit, then: flask translations compile"

translations_group = AppGroup("translations", help="Collect messages and compile their translations.")


@translations_group.command("update")
def update_command() -> None:
    """Bring every messages.po to the messages that the pages have now; translations are kept."""
    template = every_message(current_app.extensions["simsvc"].settings.templates_dir)
    for locale in _translated():
        catalogue = read_catalogue(locale)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        catalogue.fuzzy, catalogue.header_comment = False, HEADER
        with (TRANSLATIONS_DIR / locale / "LC_MESSAGES" / "messages.po").open("wb") as file:
            write_po(file, catalogue, width=WIDTH, include_lineno=False)
        missing = sum(not message.string for message in catalogue if message.id)
        click.echo(f"{locale}: {len(catalogue)} messages, {missing} without a translation")


@translations_group.command("compile")
def compile_command() -> None:
    """Write every messages.mo from its messages.po."""
    for locale in _translated():
        with (TRANSLATIONS_DIR / locale / "LC_MESSAGES" / "messages.mo").open("wb") as file:
            write_mo(file, read_catalogue(locale))
        click.echo(f"{locale}: compiled")


def every_message(templates_dir: Path) -> Catalog:
    """Return a catalogue of all messages, without translations."""
    catalogue = Catalog(project="simsvc", charset="utf-8")
    for folder, pattern, method, options in (
        (templates_dir, "**.html", "jinja2.ext:babel_extract", {"trimmed": "true"}),
        (PACKAGE_DIR, "**.py", "python", {}),
    ):
        for path, line, message, comments, context in extract_from_dir(
            str(folder), [(pattern, method)], {pattern: options}, keywords=KEYWORDS
        ):
            place = (f"{folder.name}/{path}", line)
            catalogue.add(message, None, [place], auto_comments=comments, context=context)
    return catalogue


def read_catalogue(locale: str) -> Catalog:
    """Return the translations of a locale as they are edited; empty where there are none yet."""
    path = TRANSLATIONS_DIR / locale / "LC_MESSAGES" / "messages.po"
    if not path.is_file():
        return Catalog(locale=locale, project="simsvc", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def _translated() -> list[str]:
    return [locale for locale in LANGUAGES if locale != "en"]
