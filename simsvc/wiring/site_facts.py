"""What administrators see of the installation: settings and where they come from, version, last back-up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from simsvc.flows.health import Finding
from simsvc.settings import Settings
from simsvc.store import migrate
from simsvc.values.events import EventKind
from simsvc.wiring.health import readiness
from simsvc.wiring.hosts.release import installed_version
from simsvc.wiring.services import Services, shown

BACKUP_OLD = timedelta(days=2)
"""From when on the last back-up is called old: with a daily one, as `docs/how-to/back-up.md` advises, one
night was missed."""


@dataclass(frozen=True, slots=True)
class SettingFact:
    """A setting: its variable, its value as text (None for a secret), and whether the environment sets it."""

    name: str
    value: str | None
    is_set: bool
    description: str


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """The state of the installation.

    `backup_at` is the time of the last backup by `flask backup create`, or None. There may be other backups,
    which are not known here, where the database has its own tools.
    """

    version: str
    revision: str
    parts: tuple[Finding, ...]
    settings: tuple[SettingFact, ...]
    backup_at: datetime | None
    backup_is_old: bool
    may_have_other_backups: bool


def site_facts(services: Services) -> SiteFacts:
    """Return the state of the installation.

    Raises:
        StoreError: the database cannot be read.
    """
    at = services.log.last_at(EventKind.BACKUP)
    return SiteFacts(
        version=installed_version(),
        revision=str(migrate.revision(services.database.engine)),
        parts=readiness(services),
        settings=setting_facts(services.settings),
        backup_at=at,
        backup_is_old=at is None or services.now() - at > BACKUP_OLD,
        may_have_other_backups=services.database.is_shared,
    )


def setting_facts(settings: Settings) -> tuple[SettingFact, ...]:
    """Return every setting that has a description, secrets without their values."""
    values = shown(settings)
    return tuple(
        SettingFact(
            name=str(field.validation_alias),
            value=_written(getattr(settings, name), values[name]) if field.repr else None,
            is_set=name in settings.model_fields_set,
            description=str(field.description),
        )
        for name, field in Settings.model_fields.items()
        if field.description
    )


def _written(value: object, text: str) -> str:
    """Return a value as it would stand in the environment."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    return "" if value is None else text
