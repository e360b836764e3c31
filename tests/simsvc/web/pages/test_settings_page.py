from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from simsvc.settings import Settings
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.web.app import create_app
from simsvc.wiring.site_facts import setting_facts
from tests.simsvc.web.signed_in import signed_in


def test_settings_are_shown_with_their_source_and_without_secrets(site: Settings) -> None:
    """What the environment sets is told from defaults; passwords, keys and secrets do not appear."""
    secrets = {
        "secret_key": "hidden-key " * 4,
        "oidc_client_secret": "hidden-client",
        "photo_keys": ("hidden-photo",),
        "rate_storage": "redis://me:hidden-rate@host/1",
    }
    facts = {one.name: one for one in setting_facts(site.model_copy(update=secrets))}
    assert not any("hidden" in (one.value or "") for one in facts.values())
    assert (facts["SECRET_KEY"].value, facts["SECRET_KEY"].is_set) == (None, True)
    assert facts["SIMSVC_RATE_STORAGE"].value == "redis://me:***@host/1"
    assert (facts["SIMSVC_NEIGHBOURS"].value, facts["SIMSVC_NEIGHBOURS"].is_set) == ("12", False)
    assert facts["SIMSVC_TLS"].value == "0"


def test_the_page_names_version_health_and_every_setting(app: Flask) -> None:
    """All parts of the readiness check and all settings of the reference are there."""
    html = signed_in(app, "admin").get("/settings").text
    for words in ("Database revision", "It answers.", "SIMSVC_OIDC_ISSUER", "DATABASE_URL"):
        assert words in html
    assert app.extensions["simsvc"].settings.secret_key not in html


@pytest.mark.parametrize(("days", "warned"), [(1, False), (3, True)])
def test_an_old_back_up_is_warned_of(site: Settings, days: int, warned: bool) -> None:
    """The event of `flask backup create` says when; two days later the page warns."""
    app = create_app(site, now=lambda: datetime.now(UTC) + timedelta(days=days))
    desk = app.extensions["simsvc"]
    desk.log.note(NewEvent(EventKind.BACKUP, COMMAND, "backup", {"bytes": 1}))
    assert ("The last backup is old" in signed_in(app, "admin").get("/settings").text) == warned
    desk.database.close()


def test_on_postgresql_other_tools_may_have_made_backups(site: Settings, postgres_url: str) -> None:
    """The page does not say that there is no backup, as `pg_dump` leaves no event."""
    app = create_app(site.model_copy(update={"database_url": postgres_url}))
    html = signed_in(app, "admin").get("/settings").text
    app.extensions["simsvc"].database.close()
    assert "Backups by other tools, such as pg_dump, are not known here." in html
    assert "No backup has been made yet" not in html
