"""An installation in which everything that is logged happened, put back as it was before each attack."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask

from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.store.database import Database
from simsvc.values import DecisionDraft, Declaration, NewPhoto
from simsvc.values.access.tokens import Token
from simsvc.wiring.services import Services
from tests.attacks.databases import Databases
from tests.simsvc.cli.helpers import Run, command_app, runner
from tests.simsvc.store.helpers import ESTIMATED
from tests.small_site import drawn_photo, make_small_site, moved_to

CASE, TOKEN, BATCH, FACES = "K-1", "0123456789ab", "b" * 32, 8


@dataclass(frozen=True, slots=True)
class Copy:
    """A service, whom nobody attacked yet, its commands, and what is kept of it elsewhere."""

    app: Flask
    home: Path
    databases: Databases

    @property
    def services(self) -> Services:
        services: Services = self.app.extensions["simsvc"]
        return services

    @property
    def settings(self) -> Settings:
        return self.services.settings

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def key_folder(self) -> Path:
        return self.settings.log_key_path.parent

    @property
    def backup(self) -> Path:
        """A back-up of before the last estimate."""
        return self.home / "backup"

    @property
    def before(self) -> Path:
        """Evidence of the case, taken before the attack."""
        return self.home / "before.zip"

    def command(self, *group: str) -> Run:
        return runner(self.app, *group)

    def put_older(self) -> None:
        """Replace the database with its copy of before the last estimate."""
        self.database.close()
        self.databases.put("older")


@dataclass(frozen=True, slots=True)
class Installation:
    """What each copy is made of: a folder that is always in the same place, and a database."""

    settings: Settings
    home: Path
    kept: Path
    databases: Databases

    @contextmanager
    def copy(self) -> Iterator[Copy]:
        """Give a fresh copy, in the place of the one before."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.kept, self.home)
        self.databases.put("prepared")
        copy = Copy(command_app(self.settings), self.home, self.databases)
        yield copy
        copy.database.close()


def prepare(folder: Path, databases: Databases) -> Installation:
    """Make an installation, have everything happen in it, and keep it."""
    home, kept = folder / "home", folder / "kept"
    made = make_small_site(home, FACES)
    witness = home / "elsewhere" / "witness.jsonl"
    witness.parent.mkdir()
    settings = moved_to(made, databases.url).model_copy(
        update={
            "log_key_file": home / "keys" / "log-key.pem",
            "witnesses": (f"file://{witness}",),
        }
    )
    copy = Copy(command_app(settings), home, databases)
    _live(copy)
    shutil.copytree(home, kept)
    databases.keep("prepared")
    return Installation(settings, home, kept, databases)


def _live(copy: Copy) -> None:
    """Have accounts, a token, a batch, estimates and decisions; keep copies before the last estimate."""
    services = copy.services
    services.log_start()
    services.switcher().use(str(services.shelf.current()))
    anna = _let_in(services)
    first = _estimated(services, 1)
    services.decisions.add(first, DecisionDraft("need_more", note="a newer photo"), anna, 0, services.now())
    _send_batch(services, anna)
    services.log_keeper.checkpoint()
    copy.command("audit")("witnesses")
    copy.command("backup")("create", str(copy.backup))
    services.database.close()
    copy.databases.keep("older")
    shutil.copytree(copy.key_folder, copy.home / "older-keys")
    last = _estimated(services, 2)
    services.decisions.add(last, DecisionDraft("accept"), anna, 0, services.now())
    copy.command("audit")("evidence", CASE, "--out", str(copy.before))
    copy.command("audit")("witnesses")
    services.database.close()


def _let_in(services: Services) -> str:
    """Let in two people and a program, and return the underwriter's ID."""
    now = datetime.now(UTC)
    services.users.add("Boss", "boss", "admin", now)
    anna = services.users.add("Anna", "anna", "underwriter", now)
    token = Token(TOKEN, "intake", ("estimate",), now, None, now + timedelta(days=90))
    services.token_book.add(token, "dd" * 32)
    return anna.id


def _estimated(services: Services, seed: int) -> str:
    """Have the program send a photo of the case."""
    pipeline, declared = services.pipeline(), Declaration(CASE)
    photo, name, sender = drawn_photo(seed), f"{seed}.jpg", f"token:{TOKEN}"
    return estimate(photo, name, pipeline, asked_by=sender, declared=declared).id


def _send_batch(services: Services, by: str) -> None:
    """Have photos sent together, of which the first one is of the case."""
    book = services.batch_book
    book.add(BATCH, "photos.zip", [NewPhoto("a"), NewPhoto("b")], by, services.now())
    for position, case in enumerate((CASE, "K-2")):
        book.recorder(BATCH, position).record(replace(ESTIMATED, asked_by=by, declared=Declaration(case)))
