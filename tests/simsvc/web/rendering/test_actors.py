"""What pages and reports call those who did something without an account."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask

from simsvc.flows.estimates.estimate import estimate
from simsvc.values import Declaration
from simsvc.web.rendering.actors import actor_words
from simsvc.wiring.services import Services
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        ("command", "command line"),
        ("program", "program without an account"),
        ("visitor", "someone not signed in"),
        ("user:ab", "user:ab"),
    ],
)
def test_actors_without_an_account_have_words(app: Flask, actor: str, words: str) -> None:
    """Fixed actors are named; accounts and tokens stay as the log has them."""
    with app.test_request_context():
        assert actor_words(actor) == words


def test_pages_name_an_actor_alike(app: Flask, desk: Services) -> None:
    """The timeline of a case, the events of its record and the work list agree on who requested it."""
    case = f"actor {datetime.now(UTC).isoformat()}"
    made = estimate(drawn_photo(83), "a.jpg", desk.pipeline(), declared=Declaration(case))
    auditor = signed_in(app, "auditor")
    for page in (f"/cases/{case}", f"/audit?about={made.id}"):
        assert "program without an account" in auditor.get(page).text
    html = signed_in(app, "admin").get("/?list=undecided&sort=newest").text
    assert "Program without an account" in html
