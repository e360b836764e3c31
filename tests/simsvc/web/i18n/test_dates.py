"""Days as users have them, and instants as pages and exports write them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask

from simsvc.settings import Settings
from simsvc.web.app import create_app
from simsvc.web.i18n.language import at_utc, local_time
from tests.simsvc.web.programs import program
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo

SHANGHAI, KIRIBATI, HONOLULU = (timezone(timedelta(hours=hours)) for hours in (8, 14, -10))
INSTANT = datetime(2026, 3, 1, 18, 30, 5, tzinfo=UTC)


@pytest.fixture
def clock() -> list[datetime]:
    """Hold the time in a list of one, so that a test can move it."""
    return [datetime.now(UTC)]


@pytest.fixture
def desk(site: Settings, clock: list[datetime]) -> Iterator[Flask]:
    app = create_app(site, now=lambda: clock[0])
    yield app
    app.extensions["simsvc"].database.close()


def by_form(desk: Flask, field: str, day: str) -> int:
    photo = (io.BytesIO(drawn_photo()), "a.jpg")
    name = {"birth_date": "born", "photo_date": "taken"}[field]
    return signed_in(desk).post("/estimates", data={"photo": photo, name: day}).status_code


def by_program(desk: Flask, field: str, day: str) -> int:
    photo = (io.BytesIO(drawn_photo()), "a.jpg")
    return program(desk).post("/api/v1/estimates", data={"photo": photo, field: day}).status_code


@pytest.mark.parametrize("field", ["birth_date", "photo_date"])
@pytest.mark.parametrize("zone", [SHANGHAI, KIRIBATI, HONOLULU, UTC])
@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_today_is_the_users_day(
    desk: Flask, clock: list[datetime], zone: timezone, seconds: int, field: str
) -> None:
    """Around midnight anywhere on Earth, the user's own day is accepted in form and API."""
    clock[0] = (datetime(2026, 3, 2, tzinfo=zone) + timedelta(seconds=seconds)).astimezone(UTC)
    today = clock[0].astimezone(zone).date().isoformat()
    assert (by_form(desk, field, today), by_program(desk, field, today)) == (303, 201)


@pytest.mark.parametrize(("hour", "day"), [(9, "2026-03-02"), (10, "2026-03-03"), (23, "2026-03-03")])
def test_what_is_nobodys_day_is_the_future(desk: Flask, clock: list[datetime], hour: int, day: str) -> None:
    """A day that has not begun anywhere is in the future, in form and API."""
    clock[0] = datetime(2026, 3, 1, hour, 59 if hour == 9 else 0, tzinfo=UTC)
    assert (by_form(desk, "photo_date", day), by_program(desk, "photo_date", day)) == (422, 422)


def test_instants_of_pages_tell_their_zone(app: Flask) -> None:
    """A page's instant is a <time> element in UTC, whatever zone it came in; an export's is text."""
    with app.test_request_context():
        for zone in (UTC, SHANGHAI, HONOLULU):
            moved = INSTANT.astimezone(zone)
            assert at_utc(moved) == "1 March 2026, 18:30:05 UTC"
            assert local_time(moved) == (
                '<time datetime="2026-03-01T18:30:05+00:00">1 March 2026, 18:30:05 UTC</time>'
            )


def test_instants_within_sentences_are_elements(app: Flask) -> None:
    """An instant within a translated sentence is an element, and what stands beside it is still escaped."""
    with app.test_request_context():
        form = app.jinja_env.from_string(
            '{{ _("%(name)s until %(until)s", name=name, until=at | local_time) }}'
        )
        said = form.render(name="<b>", at=INSTANT)
    assert said.startswith('&lt;b&gt; until <time datetime="2026-03-01T18:30:05+00:00">')


def test_exports_stay_in_utc(desk: Flask) -> None:
    """The history's table and the API write instants in UTC."""
    by_form(desk, "photo_date", "2020-01-01")
    export = signed_in(desk, "auditor").get("/history/export.csv", buffered=True)
    assert re.search(r"\d\d:\d\d:\d\d\+00:00", export.text)
    listed = program(desk).get("/api/v1/estimates").text
    assert re.search(r'"created_at": ?"[^"]*\+00:00"', listed)
