"""`flask translations ...`: for developers, who change what the pages say."""

from __future__ import annotations

import click
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from flask import current_app
from flask.cli import AppGroup

from simsvc.web.i18n.language import LANGUAGES, TRANSLATIONS_DIR
from simsvc.web.i18n.messages import every_message

WIDTH = 110
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
            write_po(file, catalogue, width=WIDTH, sort_output=False, omit_header=False)
        missing = sum(not message.string for message in catalogue if message.id)
        click.echo(f"{locale}: {len(catalogue)} messages, {missing} without a translation")


@translations_group.command("compile")
def compile_command() -> None:
    """Write every messages.mo from its messages.po."""
    for locale in _translated():
        with (TRANSLATIONS_DIR / locale / "LC_MESSAGES" / "messages.mo").open("wb") as file:
            write_mo(file, read_catalogue(locale))
        click.echo(f"{locale}: compiled")


def read_catalogue(locale: str) -> Catalog:
    """Return the translations of a locale as they are edited; empty where there are none yet."""
    path = TRANSLATIONS_DIR / locale / "LC_MESSAGES" / "messages.po"
    if not path.is_file():
        return Catalog(locale=locale, project="simsvc", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def _translated() -> list[str]:
    return [locale for locale in LANGUAGES if locale != "en"]
