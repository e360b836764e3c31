"""The settings as a table, written from `Settings` itself."""

from __future__ import annotations

import re
from dataclasses import fields

from simsvc.settings import Settings, load_settings

NAMES = {"database_url": "DATABASE_URL", "secret_key": "SECRET_KEY", "script_name": "SCRIPT_NAME"}
"""Fields whose variable has no SIMSVC_ prefix, because deployment tools expect these names."""
FIXED = {"templates_dir", "secret_key_file"}
"""Fields that no variable sets."""
SPECIAL = {
    "database_url": "`sqlite:///.../var/simsvc.sqlite3`",
    "secret_key": "made once in `var/secret-key`",
    "public_url": "as the running server says",
    "script_name": "none",
    "workers": "number of cores",
    "photo_keys": "none",
    "age_prior": "none",
}
"""Defaults that depend on the machine."""
ENTRY = re.compile(r"^ {8}(\w+): (.*?)(?=^ {8}\w+: |^ {4}\Z|\Z)", re.DOTALL | re.MULTILINE)


def reference() -> str:
    """Return a Markdown table: name, default and meaning of every setting."""
    rows = [f"| `{variable(name)}` | {default(name)} | {what} |" for name, what in described().items()]
    return "\n".join(("| name | default | what |", "| --- | --- | --- |", *rows))


def described() -> dict[str, str]:
    """Return the description of each setting, from the docstring of `Settings`."""
    attributes = str(Settings.__doc__).partition("Attributes:\n")[2]
    return {
        name: " ".join(text.split()).rstrip(".")
        for name, text in ENTRY.findall(attributes)
        if name not in FIXED
    }


def variable(name: str) -> str:
    """Return the environment variable that sets a field."""
    return NAMES.get(name, f"SIMSVC_{name.upper()}")


def default(name: str) -> str:
    """Return the default of a field, with folders relative to the installation."""
    if name in SPECIAL:
        return SPECIAL[name]
    settings = load_settings({})
    value = getattr(settings, name)
    text = str(int(value)) if isinstance(value, bool) else str(value)
    for folder in (settings.secret_key_file.parents[1], settings.bundle_dir.parents[2]):
        text = text.removeprefix(f"{folder}/")
    return f"`{text}`"


def names() -> set[str]:
    """Return every field of `Settings` that a variable sets."""
    return {entry.name for entry in fields(Settings)} - FIXED
