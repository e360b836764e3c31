"""Every link leads somewhere: between the pages, into the API reference, and from README and its like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.store.migrate import upgrade
from simsvc.values import DecisionDraft, Declaration
from simsvc.web.app import create_app
from simsvc.web.http.api_document import codes
from simsvc.web.http.problems import REFERENCE
from tests.simsvc.web.helpers import Linked
from tests.simsvc.web.signed_in import client_of, signed_in
from tests.small_site import drawn_photo

ROOT = Path(__file__).parents[4]
MARKDOWN_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@pytest.fixture
def furnished(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    """Give an application with records of every kind, and none of other tests: every link is followed."""
    app = create_app(site.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'links.sqlite3'}"}))
    desk = app.extensions["simsvc"]
    upgrade(desk.database.engine)
    declared = Declaration("L/7 ä", date(1980, 2, 29), date(2020, 6, 1))
    first = estimate(drawn_photo(41), "a.jpg", desk.pipeline(), declared=declared)
    estimate(drawn_photo(42), "b.jpg", desk.pipeline(), declared=declared)
    estimate(b"no photo", "letter.txt", desk.pipeline(), declared=declared)
    desk.decisions.add(first.id, DecisionDraft("refer", note="seen"), "0" * 32, 0, desk.now())
    yield app
    desk.database.close()


def dead_links(client: FlaskClient, start: str) -> list[str]:
    """Follow every link from a page on; return those to nowhere, with the page that has them."""
    pages: dict[str, Linked | None] = {}
    wanted, dead = [(start, "")], []
    while wanted:
        link, came_from = wanted.pop()
        address, place = urldefrag(link)
        parts = urlsplit(address)
        if parts.scheme not in {"", "http"} or parts.netloc not in {"", "localhost"}:
            continue
        if address not in pages:
            response = client.get(address, follow_redirects=True)
            if response.status_code >= 400:
                dead.append(f"{came_from} -> {link}: {response.status_code}")
            html = response.mimetype == "text/html" and response.status_code < 400
            pages[address] = page = Linked(response.text) if html else None
            response.close()  # a download that nobody reads would keep its turn
            found = page.links if page else set()
            wanted += [(urljoin(address, one), address) for one in sorted(found)]
        page = pages[address]
        if place and page is not None and unquote(place) not in page.ids:
            dead.append(f"{came_from} -> {link}: no such place")
    assert len(pages) > 5
    return dead


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_every_link_of_every_page_leads_somewhere(furnished: Flask, role: str) -> None:
    """From the first page on, every link, picture and place within a page exists for who sees it."""
    client = signed_in(furnished, "admin" if role == "admin" else "auditor")
    assert dead_links(client, "http://localhost/") == []


def test_every_link_of_the_open_pages_leads_somewhere(app: Flask) -> None:
    """The API reference is read without an account: its links lead to each other and to the document."""
    for start in ("/api-reference", "/api-reference/objects", "/sign-in"):
        client = client_of(app, None)
        assert dead_links(client, f"http://localhost{start}") == []


def test_the_type_of_every_problem_leads_to_its_words(app: Flask) -> None:
    """The link in a problem document is a place of the reference."""
    ids = Linked(app.test_client().get(REFERENCE).text).ids
    assert set(codes()) <= ids


def documents() -> list[Path]:
    """Return the documents outside docs/, whose links MkDocs checks."""
    return [*ROOT.glob("*.md"), *ROOT.glob("*/README.md")]


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_of_the_documents_leads_to_a_file(path: Path) -> None:
    """README and its like name files that are there, and headings that are in them."""
    for link in MARKDOWN_LINK.findall(path.read_text(encoding="utf-8")):
        address, place = urldefrag(link)
        if urlsplit(link).scheme:
            continue
        target = path.parent / unquote(address) if address else path
        assert target.exists(), link
        if place:
            assert place in headings(target.read_text(encoding="utf-8")), link


def headings(text: str) -> set[str]:
    """Return the places of a document as GitHub names them."""
    lines = re.findall(r"(?m)^#+ +(.+?) *$", text)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}
