"""Forms that make something make it once; what is shown once survives no reload, which makes nothing."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from simsvc.settings import Settings
from simsvc.store.desk.history import HistoryFilter
from simsvc.store.sent_forms import SentFormRow
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.simsvc.web.signed_in import account, client_of, signed_in
from tests.small_site import drawn_photo

TOKEN = re.compile(r"simsvc_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
LINK = re.compile(r"/welcome/[\w-]{43}")
KEY = r'name="form_key" value="([\w-]{22})" autocomplete="off"'
FORM = {"name": "once", "scope": "audit", "days": "30"}


@pytest.fixture(scope="module")
def app(site: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("once") / "batches"
    app = create_app(site.model_copy(update={"batch_dir": folder, "sign_in_rate": "1000 per minute"}))
    yield app
    app.extensions["simsvc"].database.close()


@pytest.fixture
def admin(app: Flask) -> FlaskClient:
    return signed_in(app, "admin")


def live_tokens(desk: Services, name: str) -> int:
    return sum(token.name == name and token.state(desk.now()) == "active" for token in desk.token_book.all())


def records(desk: Services) -> int:
    return desk.history.page(HistoryFilter(), "newest", 1)[0]


def test_reloading_after_a_token_makes_and_shows_no_other(admin: FlaskClient, desk: Services) -> None:
    """The answer redirects; the page shows the text once, is never stored, and says so when reloaded."""
    sent = admin.post("/tokens", data={**FORM, "name": "reloaded"})
    assert sent.status_code == 303
    first = admin.get(sent.headers["Location"])
    assert TOKEN.search(first.text)
    assert first.headers["Cache-Control"] == "no-store"
    again = admin.get(sent.headers["Location"]).text
    assert not TOKEN.search(again)
    assert "has already been shown" in again
    assert live_tokens(desk, "reloaded") == 1


def test_reloading_a_link_leaves_the_one_handed_over(app: Flask, admin: FlaskClient) -> None:
    """Of a new account and of a reset: shown once, and in force however often the page is reloaded."""
    user = account(app, "auditor", "reset once")
    for path, data in (
        ("/users", {"name": "added once", "role": "auditor"}),
        (f"/users/{user.id}/link", {}),
    ):
        page = admin.post(path, data=data).headers["Location"]
        link = LINK.search(admin.get(page).text)
        assert link
        for _ in range(2):
            again = admin.get(page).text
            assert not LINK.search(again)
            assert "has already been shown" in again
        assert client_of(app, None).get(link[0]).status_code == 200


def test_a_secret_is_shown_to_nobody_else(app: Flask, admin: FlaskClient) -> None:
    """Another administrator with the address sees nothing of it; asking for the head uses nothing up."""
    page = admin.post("/tokens", data={**FORM, "name": "mine"}).headers["Location"]
    other = client_of(app, account(app, "admin", "another admin")).get(page).text
    assert not TOKEN.search(other)
    assert "has already been shown" not in other
    admin.head(page)
    assert TOKEN.search(admin.get(page).text)


def test_a_waiting_secret_is_unreadable_in_the_database(admin: FlaskClient, desk: Services) -> None:
    """Until it is shown it lies there encrypted; afterwards not at all."""
    page = admin.post("/tokens", data={**FORM, "name": "sealed", "form_key": "seal"}).headers["Location"]
    key = page.rpartition("=")[2]

    def kept() -> bytes | None:
        with desk.database.reading() as session:
            return session.scalar(select(SentFormRow.secret).where(SentFormRow.key == key))

    sealed, shown = kept(), TOKEN.search(admin.get(page).text)
    assert sealed
    assert shown
    assert shown[0].encode() not in sealed
    assert kept() is None


def test_a_token_form_sent_twice_makes_one(admin: FlaskClient, desk: Services) -> None:
    """The second leads to the same page, which shows the text; other content or another key is another."""
    form = {**FORM, "name": "doubled", "form_key": "k1"}
    first, second = (admin.post("/tokens", data=form).headers["Location"] for _ in range(2))
    assert first == second
    assert TOKEN.search(admin.get(second).text)
    assert live_tokens(desk, "doubled") == 1
    admin.post("/tokens", data={**form, "days": "31"})
    admin.post("/tokens", data={**form, "form_key": "k2"})
    assert live_tokens(desk, "doubled") == 3


def test_an_account_form_sent_twice_adds_one_and_its_link_works(app: Flask, admin: FlaskClient) -> None:
    """No "name is taken" after a double click, and no link that the second one killed."""
    form = {"name": "clicked twice", "role": "auditor", "form_key": "k3"}
    pages = [admin.post("/users", data=form) for _ in range(2)]
    assert [page.status_code for page in pages] == [303, 303]
    link = LINK.search(admin.get(pages[1].headers["Location"]).text)
    assert link
    assert client_of(app, None).get(link[0]).status_code == 200
    user = account(app, "auditor", "linked twice")
    twice = [admin.post(f"/users/{user.id}/link", data={"form_key": "k4"}) for _ in range(2)]
    link = LINK.search(admin.get(twice[0].headers["Location"]).text)
    assert link
    assert client_of(app, None).get(link[0]).status_code == 200


def test_a_refused_form_may_be_corrected_and_sent_again(admin: FlaskClient, desk: Services) -> None:
    """A refusal uses its key up for nothing."""
    account_form = {"name": "", "role": "auditor", "form_key": "k5"}
    assert admin.post("/users", data=account_form).status_code == 422
    assert admin.post("/users", data={**account_form, "name": "corrected"}).status_code == 303
    assert desk.users.named("corrected")


def test_a_photo_sent_twice_is_estimated_once(app: Flask, desk: Services) -> None:
    """The same form leads to the same record; another photo in it makes another; so does a fresh form."""
    client = signed_in(app)

    def send(seed: int, key: str) -> str:
        data = {"photo": (io.BytesIO(drawn_photo(seed)), "me.jpg"), "form_key": key}
        return client.post("/estimates", data=data).headers["Location"]

    before, first = records(desk), send(31, "k6")
    assert send(31, "k6") == first
    assert records(desk) == before + 1
    assert len({send(32, "k6"), send(31, "k7"), first}) == 3
    assert records(desk) == before + 3


def test_a_decision_sent_twice_is_recorded_once(app: Flask, desk: Services) -> None:
    """The second click is told that the decision is on record, not that somebody else was faster."""
    client = signed_in(app)
    where = client.post("/estimates", data={"photo": (io.BytesIO(drawn_photo(33)), "me.jpg")})
    public_id = where.headers["Location"].rpartition("/")[2]
    form = {"kind": "refer", "note": "twice", "after": "0", "form_key": "k8"}
    sent = [client.post(f"/estimates/{public_id}/decisions", data=form).status_code for _ in range(2)]
    assert sent == [303, 303]
    assert len(desk.decisions.of(public_id)) == 1
    other = client.post(f"/estimates/{public_id}/decisions", data={**form, "form_key": "k9"})
    assert other.status_code == 409


def test_a_batch_sent_twice_is_taken_in_once(app: Flask, desk: Services) -> None:
    """The second sending leads to the batch of the first."""
    client, before = signed_in(app), len(desk.batch_book.page(0, 1000))

    def send() -> str:
        data = {"photos": [(io.BytesIO(drawn_photo(34)), "a.jpg")], "form_key": "k10"}
        return client.post("/batches", data=data).headers["Location"]

    assert send() == send()
    assert len(desk.batch_book.page(0, 1000)) == before + 1


def test_forms_that_come_together_make_one(app: Flask, desk: Services) -> None:
    """Six equal forms at the same moment: one token, and every answer leads to it."""
    clients = [signed_in(app, "admin") for _ in range(6)]
    form, places, start = {**FORM, "name": "at once", "form_key": "k11"}, [], threading.Barrier(6)

    def send(client: FlaskClient) -> None:
        start.wait(30)
        places.append(client.post("/tokens", data=form).headers.get("Location"))

    threads = [threading.Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert live_tokens(desk, "at once") == 1
    assert len(set(places)) == 1


@pytest.mark.parametrize("path", ["/", "/batches", "/users", "/tokens"])
def test_every_form_that_makes_something_has_a_key(admin: FlaskClient, path: str) -> None:
    """A fresh one each time, which the browser does not fill in again by itself."""
    keys = [re.findall(KEY, admin.get(path).text) for _ in range(2)]
    assert keys[0]
    assert not set(keys[0]) & set(keys[1])
