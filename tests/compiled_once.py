"""What every application compiles anew, templates, routes and SQL, compiled once for all of a run.

Tests make some thousand applications; each would spend half of its start on the builders of its routes, and a
third of a second on each of its pages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule


class Templates(BytecodeCache):
    """What templates compile to."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


def routes_compiled_once() -> None:
    """Keep the functions that build addresses: they depend on nothing but a rule's parts and defaults."""
    compiled = Rule._compile_builder  # werkzeug has no public way to share them
    kept: dict[tuple[object, ...], Callable[..., Any]] = {}

    def compile_builder(self: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        key = (tuple(self._trace), repr(self.defaults), append_unknown)
        if key not in kept:
            kept[key] = compiled(self, append_unknown)
        return kept[key]

    Rule._compile_builder = compile_builder  # type: ignore[method-assign]  # as above


def sql_compiled_once() -> None:
    """Keep compiled statements for all engines of a dialect: these are configured alike."""
    kept = {dialect: LRUCache[Any, Any](5_000) for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg)}
    for dialect in kept:  # keys of the cache hold it
        dialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
        dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    shared: Any = property(lambda engine: kept[type(engine.dialect)], lambda *_: None)
    Engine._compiled_cache = shared  # SQLAlchemy has no public way to share it


Flask.jinja_options = {"bytecode_cache": Templates()}
routes_compiled_once()
sql_compiled_once()
