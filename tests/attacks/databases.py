"""Databases that are kept under a name, and put back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg

from tests.databases import sqlite_database
from tests.postgres_server import fresh_database, replace_database


class Databases(Protocol):
    """One database and its copies. Nobody may be connected to it when it is copied or replaced."""

    @property
    def url(self) -> str:
        """Its address."""

    def keep(self, name: str) -> None:
        """Copy the database."""

    def put(self, name: str) -> None:
        """Replace the database with a copy."""


@dataclass(frozen=True, slots=True)
class SqliteFiles:
    """A file, and copies in its folder."""

    file: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def keep(self, name: str) -> None:
        shutil.copy(self.file, self.file.with_name(name))

    def put(self, name: str) -> None:
        for suffix in ("-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        shutil.copy(self.file.with_name(name), self.file)


@dataclass(frozen=True, slots=True)
class PostgresTemplates:
    """A database, and copies that are templates for it."""

    server: str
    name: str
    url: str

    def keep(self, name: str) -> None:
        replace_database(self.server, f"{self.name}_{name}", self.name)

    def put(self, name: str) -> None:
        replace_database(self.server, self.name, f"{self.name}_{name}")

    def drop(self, name: str) -> None:
        with psycopg.connect(f"{self.server} dbname=postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {self.name}_{name} WITH (FORCE)".encode())


@contextmanager
def sqlite_files(folder: Path) -> Iterator[Databases]:
    """Give a new database with all tables in a folder."""
    folder.mkdir(parents=True)
    sqlite_database(folder / "live")
    yield SqliteFiles(folder / "live")


@contextmanager
def postgres_templates(server: str, migrated: str) -> Iterator[Databases]:
    """Give a new database that is a copy of one with all tables."""
    with fresh_database(server, "attacked", migrated) as url:
        made = PostgresTemplates(server, "attacked", url)
        yield made
        for name in ("older", "prepared"):
            made.drop(name)
