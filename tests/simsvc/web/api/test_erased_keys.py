"""Erasing what programs put on record, held against every column of every table of both databases."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from simsvc.store.database import Database
from simsvc.store.request_keys import RequestKeyRow
from simsvc.store.tables import Table
from simsvc.web.app import create_app
from tests.simsvc.web.programs import program
from tests.small_site import drawn_photo, make_small_site, moved_to

V1 = "/api/v1"
CASE = "CASE-zq27"


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[Flask]:
    settings = moved_to(make_small_site(tmp_path, faces=15), database_url)
    app = create_app(settings)
    yield app
    app.extensions["simsvc"].database.close()


def columns_with(app: Flask, marker: str) -> list[str]:
    """Return "table.column" of every value that holds the marker."""
    database: Database = app.extensions["simsvc"].database
    with database.reading() as session:
        return [
            f"{table.name}.{column}"
            for table in Table.metadata.sorted_tables
            for row in session.execute(select(table)).mappings()
            for column, value in row.items()
            if marker in (value.decode("latin-1") if isinstance(value, bytes) else str(value))
        ]


def test_a_case_is_in_no_column_once_it_is_erased(app: Flask) -> None:
    """Reference, note, file name, idempotency keys and the digests of requests are gone; the log verifies."""
    client = program(app)
    form = {"photo": (io.BytesIO(drawn_photo(5000)), "zq28.jpg"), "case": CASE}
    headers = {"Idempotency-Key": f"{CASE}-photo"}
    made = client.post(f"{V1}/estimates", data=form, headers=headers).get_json()
    decided = client.post(
        f"{V1}/estimates/{made['id']}/decisions",
        json={"kind": "refer", "note": "zq29", "after": 0},
        headers={"Idempotency-Key": f"{CASE}-decision"},
    )
    assert decided.status_code == 201, decided.text
    with app.extensions["simsvc"].database.reading() as session:
        digests = list(session.scalars(select(RequestKeyRow.request_sha256)))
    markers = [CASE, "zq28", "zq29", *digests]
    assert len(digests) == 2
    assert all(columns_with(app, marker) for marker in markers), "each is on record before"
    assert client.post(f"{V1}/cases/erasure", json={"case": CASE}).status_code == 200
    assert [columns_with(app, marker) for marker in markers] == [[]] * len(markers)
    assert client.get(f"{V1}/audit/verify").get_json()["fits"] is True
