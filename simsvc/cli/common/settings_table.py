"""The settings as a table, written from the fields of `Settings`."""

from __future__ import annotations

from simsvc.settings import Settings, load_settings

SPECIAL = {
    "database_url": "`sqlite:///.../var/simsvc.sqlite3`",
    "secret_key": "created once in `var/secret-key`",
    "log_key_file": "`var/log-key.pem`",
    "log_origin": "`simsvc/` and the first digits of the key's hash",
    "public_url": "address of the running server",
    "script_name": "none",
    "workers": "number of cores",
    "photo_keys": "none",
    "age_prior": "none",
    **dict.fromkeys(
        ("webhook_url", "webhook_secret", "smtp_url", "mail_from", "witnesses", "event_stream_secret"), "none"
    ),
}
"""Defaults that depend on the machine, or are no value."""


def reference() -> str:
    """Return a Markdown table: name, default and meaning of every setting."""
    rows = [
        f"| `{field.validation_alias}` | {default(name)} | {field.description} |"
        for name, field in Settings.model_fields.items()
        if field.description
    ]
    return "\n".join(("| name | default | meaning |", "| --- | --- | --- |", *rows))


def default(name: str) -> str:
    """Return the default of a field, with folders relative to the installation."""
    if name in SPECIAL:
        return SPECIAL[name]
    settings = load_settings({})
    value = getattr(settings, name)
    if value in ("", {}):
        return "none"
    text = str(int(value)) if isinstance(value, bool) else str(value)
    for folder in (settings.secret_key_file.parents[1], settings.bundle_dir.parents[2]):
        text = text.removeprefix(f"{folder}/")
    return f"`{text}`"
