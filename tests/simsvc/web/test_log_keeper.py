"""The server and the batch worker sign the log at start and at stop, and `/readyz` says how that goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simsvc.settings import Settings
from simsvc.store.audit.log_tiles import LogTree
from simsvc.store.database import Database
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.helpers import wait_until
from tests.servers import ask, log_key_of, running, working


@pytest.fixture
def own_site(site: Settings, tmp_path: Path) -> Settings:
    made = site.model_copy(
        update={
            "database_url": sqlite_database(tmp_path / "own.sqlite3"),
            "batch_dir": tmp_path / "batches",
        }
    )
    return made.model_copy(update={"log_key_file": log_key_of(made)})


def newest(settings: Settings) -> tuple[int, int]:
    """Return how many events the newest checkpoint covers, and how many there are."""
    database = Database(settings.database_url)
    tree = LogTree(database)
    found, last = tree.newest(), tree.last_seq()
    database.close()
    return found.size if found else 0, last


@pytest.mark.slow
def test_a_server_signs_at_start_and_at_stop(own_site: Settings, tmp_path: Path) -> None:
    """Two workers make one tree, which verifies; readiness says when the log was signed."""
    services = Services(own_site)
    with running(own_site, tmp_path / "log", workers=2) as server:
        wait_until(lambda: newest(own_site)[0] > 0, 60)
        said = {part["part"]: part for part in ask(server.bind, "GET", "/readyz")[1]["parts"]}
        services.log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {}))
    assert said["log"]["well"]
    assert "The last checkpoint, of " in said["log"]["sentence"]
    signed, last = newest(own_site)
    assert signed == last
    assert services.log_keeper.outside().heads[0].head.size == signed
    assert services.log_keeper.checkpoint().size == signed
    services.database.close()


@pytest.mark.slow
def test_a_batch_worker_signs_at_start_and_at_stop(own_site: Settings) -> None:
    """Where it runs alone, nobody else does."""
    with working(own_site):
        wait_until(lambda: newest(own_site)[0] > 0, 60)
        services = Services(own_site)
        services.log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {}))
        services.database.close()
    signed, last = newest(own_site)
    assert signed == last > 1


def test_readiness_warns_of_a_key_that_cannot_be_used(own_site: Settings) -> None:
    """With the age of the last checkpoint; the service is degraded, and estimates go on."""
    app = create_app(own_site)
    services: Services = app.extensions["simsvc"]
    client = app.test_client()

    def part() -> dict[str, Any]:
        answer = client.get("/readyz")
        assert answer.status_code == 200
        (found,) = (part for part in answer.get_json()["parts"] if part["part"] == "log")
        return dict(found)

    def said() -> str:
        return str(part()["sentence"])

    assert said().startswith("There is no checkpoint yet; ")  # the first look opens the model, an event
    count = services.log_tree.last_seq()
    assert said() == f"There is no checkpoint yet; {count} events are not signed."
    services.log_thread.round(at_once=True)
    assert f"of {count} events, is 0 s old; 0 newer events are not signed yet." in said()
    assert part()["well"]
    log_key_of(own_site).write_text("no key")
    services.log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {}))
    services.log_thread.round(at_once=True)
    assert (part()["well"], part()["code"]) == (False, "log_key_refused")
    assert said().startswith("The log is not signed: ")
    assert "1 newer events are not signed yet." in said()
    services.database.close()
