from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from flask import Flask

from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings, load_settings
from simsvc.values import Declaration
from simsvc.web.app import create_app
from tests.databases import sqlite_database
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo


@pytest.fixture
def app(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    """Return a service that shows the shipped model's card and has no records."""
    changes = {"bundle_dir": load_settings({}).bundle_dir, "database_url": sqlite_database(tmp_path / "x")}
    app = create_app(site.model_copy(update=changes))
    yield app
    app.extensions["simsvc"].database.close()


def test_the_figures_of_the_card_are_put_into_words(app: Flask) -> None:
    """Error, women and men, ages and groups are there, with what is not known and a table to each chart."""
    html = signed_in(app).get("/fairness").text
    assert checked(html).inline == []
    for words in (
        "years off on average",
        "for women and",
        "What is not known",
        "By age",
        "By gender and group",
    ):
        assert words in html
    assert html.count('data-chart="interval"') == 2
    assert html.count("chart.umd.min.js") == 1
    assert "No records with a declared birth date yet" in html


@pytest.mark.parametrize(("measure", "unit"), [("bias_years", "years"), ("coverage", "%"), ("none", "years")])
def test_the_charts_show_the_measure_that_is_asked_for(app: Flask, measure: str, unit: str) -> None:
    """An unknown one is the first one."""
    html = signed_in(app, "auditor").get(f"/fairness?measure={measure}").text
    assert f'data-unit="{unit}"' in html


def test_the_site_s_own_outcomes_are_shown_by_age(site: Settings, tmp_path: Path) -> None:
    """Of eleven records of one age band, two without a result, the share has its interval."""
    app = create_app(site.model_copy(update={"database_url": sqlite_database(tmp_path / "x")}))
    desk = app.extensions["simsvc"]
    declared = Declaration("L-1", date(1980, 2, 29), date(2025, 6, 1))
    first = estimate(drawn_photo(3), "a.jpg", desk.pipeline(), declared=declared).estimate
    for _ in range(8):
        desk.estimates.record(replace(first, refer_reason=None))
    for _ in range(2):
        desk.estimates.record(replace(first, status="refused", code="no_face", age_years=None))
    html = " ".join(signed_in(app).get("/fairness").text.split())
    desk.database.close()
    assert "11 records have a declared birth date" in html
    assert '<th scope="row">40\N{EN DASH}49</th><td>18.2</td><td>5.1</td><td>47.7</td><td>11</td>' in html


def test_a_model_without_figures_says_so(without_model_figures: Flask) -> None:
    """Nobody can say for whom it works less well."""
    assert "states no accuracy by age or group" in signed_in(without_model_figures).get("/fairness").text


@pytest.fixture
def without_model_figures(site: Settings) -> Iterator[Flask]:
    app = create_app(site)
    yield app
    app.extensions["simsvc"].database.close()
