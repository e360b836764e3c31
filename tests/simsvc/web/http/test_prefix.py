from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.errors import SettingsError
from simsvc.settings import Settings, load_settings
from simsvc.web.app import create_app
from tests.bench.routes import filled
from tests.simsvc.web.programs import bearer
from tests.simsvc.web.signed_in import PASSWORD, account, signed_in
from tests.small_site import drawn_photo

PREFIX = "/desk/age"
STRIPPED = {"HTTP_X_FORWARDED_PREFIX": PREFIX}
WAYS: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "SCRIPT_NAME, the path whole": ({"script_name": PREFIX}, {}, PREFIX),
    "SCRIPT_NAME, the path without": ({"script_name": PREFIX}, {}, ""),
    "SCRIPT_NAME by the server": ({"script_name": PREFIX}, {"SCRIPT_NAME": PREFIX}, ""),
    "a proxy that takes it off": ({"proxies": 1}, STRIPPED, ""),
    "a proxy that leaves it": ({"proxies": 1}, STRIPPED, PREFIX),
    "a proxy with a slash too many": ({"proxies": 1}, {"HTTP_X_FORWARDED_PREFIX": f"{PREFIX}/"}, ""),
}
"""Settings, what stands in each request's environment, and what its path begins with."""
LINKS = {"href", "src", "action", "formaction", "data-crop", "data-href", "poster", "srcset", "cite"}


class Desk:
    """A browser behind a proxy: asks for what the pages say, and sees what comes back."""

    def __init__(self, client: FlaskClient, environ: dict[str, str], path_prefix: str) -> None:
        self.client, self.path_prefix = client, path_prefix
        client.environ_base.update(environ)

    def open(self, path: str, method: str = "GET", **more: Any) -> Any:
        inner = path.removeprefix(PREFIX) or "/"
        return self.client.open(self.path_prefix + inner, method=method, **more)


@pytest.fixture(scope="module", params=WAYS, ids=list(WAYS))
def way(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, str], str]:
    return WAYS[request.param]


@pytest.fixture(scope="module")
def app(site: Settings, way: tuple[dict[str, Any], dict[str, str], str]) -> Iterator[Flask]:
    app = create_app(
        site.model_copy(
            update={"api_rate": "900000 per minute", "sign_in_rate": "90000 per minute", **way[0]}
        )
    )
    yield app
    app.extensions["simsvc"].database.close()


@pytest.fixture
def desk(app: Flask, way: tuple[dict[str, Any], dict[str, str], str]) -> Desk:
    return Desk(client_below(app), way[1], way[2])


def client_below(app: Flask) -> FlaskClient:
    """Return an admin's browser whose cookie is for the prefix."""
    client = signed_in(app, "admin")
    name = "simsvc"
    cookie = client.get_cookie(name)
    assert cookie is not None
    client.delete_cookie(name)
    client.set_cookie(name, cookie.value, path="/")
    return client


class Links(HTMLParser):
    """Every address on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        values = dict(attrs)
        self.found += [value for name, value in attrs if name in LINKS and value]
        if values.get("name") == "next" and values.get("value"):
            self.found.append(str(values["value"]))


def local(address: str) -> str | None:
    """Return the path of an address on this host, or None."""
    parts = urlsplit(address)
    return None if parts.scheme or parts.netloc or not parts.path else parts.path


@pytest.fixture(scope="module")
def records(site: Settings) -> None:
    """Have records, a decision and a batch for all ways."""
    filled(site, records=2)[0].extensions["simsvc"].database.close()


@pytest.mark.usefixtures("records")
def test_every_link_of_every_page_begins_with_the_prefix(desk: Desk) -> None:
    """Whoever follows links from the first page stays below the prefix, and gets no 404."""
    seen, waiting = set(), [f"{PREFIX}/", f"{PREFIX}/history", f"{PREFIX}/model", f"{PREFIX}/nowhere"]
    while waiting and len(seen) < 150:
        path = waiting.pop(0)
        shape = re.sub(r"[0-9a-f]{8,}|\d+", "#", urlsplit(path).path)
        if shape in seen:
            continue
        seen.add(shape)
        answer = desk.open(path)
        assert answer.status_code in ({404} if path.endswith("/nowhere") else {200, 303}), path  # 303: forms
        if answer.status_code == 303:
            assert urlsplit(answer.headers["Location"]).path.startswith(f"{PREFIX}/"), path
        if answer.mimetype != "text/html":
            answer.close()
            continue
        for address in Links(answer.text).found:
            inner = local(address)
            if inner is None:
                continue
            assert inner.startswith(f"{PREFIX}/"), (path, address)
            waiting += [address.partition("#")[0]]
    shapes = {shape.removeprefix(PREFIX) for shape in seen}
    assert {
        "/",
        "/history",
        "/batches",
        "/estimates/#",
        "/cases/F-#",
        "/users",
        "/static/simsvc.css",
    } <= shapes


def test_signing_in_leads_back_below_the_prefix(app: Flask, desk: Desk) -> None:
    """Who is not signed in is led to the form and back; the cookie is for the prefix alone."""
    user = account(app, "underwriter", "under a prefix")
    nobody = Desk(app.test_client(use_cookies=False), dict(desk.client.environ_base), desk.path_prefix)  # type: ignore[arg-type]
    led = nobody.open("/history?case=F-1")
    target = urlsplit(led.headers["Location"])
    assert target.path == f"{PREFIX}/sign-in"
    assert dict(parse_qsl(target.query))["next"] == f"{PREFIX}/history?case=F-1"
    form = nobody.open(led.headers["Location"])
    cookie = form.headers["Set-Cookie"]
    assert f"Path={PREFIX};" in f"{cookie};"
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form.text)
    assert token
    words = {
        "name": user.name,
        "password": PASSWORD,
        "csrf_token": token[1],
        "next": f"{PREFIX}/history?case=F-1",
    }
    header = {"Cookie": cookie.partition(";")[0]}
    entered = nobody.open("/sign-in", "POST", data=words, headers=header)
    assert (entered.status_code, entered.headers["Location"]) == (303, f"{PREFIX}/history?case=F-1")


@pytest.mark.parametrize(
    ("target", "led"),
    [
        (f"{PREFIX}/history", f"{PREFIX}/history"),
        ("/history", f"{PREFIX}/history"),
        ("/desk/agenda", f"{PREFIX}/desk/agenda"),
        ("//evil.example/", f"{PREFIX}/"),
        ("https://evil.example/", f"{PREFIX}/"),
        (f"{PREFIX}/../other", f"{PREFIX}/"),
        (f"{PREFIX}/%2e%2e/other", f"{PREFIX}/"),
        ("", f"{PREFIX}/"),
    ],
)
def test_next_stays_below_the_prefix(desk: Desk, target: str, led: str) -> None:
    """Whatever `next` says, the browser stays below the prefix."""
    assert desk.open("/sign-in", query_string={"next": target}).headers["Location"] == led


def test_cookies_of_language_and_theme_are_for_the_prefix(desk: Desk) -> None:
    """What is chosen here is not sent to a neighbour at the same address."""
    answer = desk.open("/display", "POST", data={"theme": "dark", "next": f"{PREFIX}/history"})
    assert answer.headers["Location"] == f"{PREFIX}/history"
    assert f"Path={PREFIX}" in answer.headers["Set-Cookie"]


def test_programs_get_addresses_with_the_prefix(app: Flask, desk: Desk) -> None:
    """The document names the server, and Location, problems and links in JSON begin with the prefix."""
    headers = bearer(app)
    assert desk.open("/api/v1/openapi.json").get_json()["servers"] == [{"url": PREFIX}]
    made = desk.open(
        "/api/v1/estimates", "POST", data={"photo": (io.BytesIO(drawn_photo(4)), "a.jpg")}, headers=headers
    )
    assert made.headers["Location"] == f"{PREFIX}/api/v1/estimates/{made.get_json()['id']}"
    decided = desk.open(
        f"/api/v1/estimates/{made.get_json()['id']}/decisions",
        "POST",
        json={"kind": "accept"},
        headers=headers,
    )
    assert decided.headers["Location"].startswith(f"{PREFIX}/api/v1/")
    problem = desk.open("/api/v1/estimates").get_json()
    assert problem["type"] == f"{PREFIX}/api-reference#token_refused"
    for path in ("/api/v1/estimates", f"/api/v1/estimates/{made.get_json()['id']}", "/api/v1/indexes"):
        text = json.dumps(desk.open(path, headers=headers).get_json())
        assert not re.search(r'"/(?!desk/age/)[a-z]', text), path


def test_forms_lead_on_below_the_prefix(desk: Desk) -> None:
    """Photo, decision, batch, erasure and refusals: every form leads to an address below the prefix."""
    photo = {"photo": (io.BytesIO(drawn_photo(6)), "a.jpg"), "case": "P-1"}
    made = desk.open("/estimates", "POST", data=photo)
    assert made.headers["Location"].startswith(f"{PREFIX}/estimates/")
    decided = desk.open(
        f"{made.headers['Location']}/decisions", "POST", data={"kind": "accept", "after": "0"}
    )
    assert decided.headers["Location"].startswith(f"{PREFIX}/estimates/")
    batch = desk.open("/batches", "POST", data={"photos": (io.BytesIO(drawn_photo(7)), "a.jpg")})
    assert batch.headers["Location"].startswith(f"{PREFIX}/batches/")
    page = desk.open(f"/erase/estimates/{made.headers['Location'].rpartition('/')[2]}")
    assert f'action="{PREFIX}/erase/' in page.text
    typed = desk.open("/estimates", "POST", data={"case": "x" * 999}, headers={"X-CSRFToken": "none"})
    assert not [
        each for each in Links(typed.text).found if (local(each) or PREFIX).startswith(PREFIX) is False
    ]


def test_one_time_links_of_pages_have_the_prefix(app: Flask, desk: Desk) -> None:
    """An administrator hands over a link that opens."""
    added = desk.open(
        "/users", "POST", data={"name": f"guest {desk.path_prefix} {id(app)}", "role": "auditor"}
    )
    shown = desk.open(added.headers["Location"])
    found = re.search(r'class="one-time-link">(http://[^/]+)(/[^<]*)<', shown.text)
    assert found
    assert re.fullmatch(re.escape(PREFIX) + r"/welcome/[\w-]{43}", found[2])
    assert desk.open(found[2]).status_code == 200


@pytest.mark.parametrize(
    "given", ["//evil.example", "/a b", "https://evil.example", "/a/../b\\", "age", "/<x>"]
)
def test_a_prefix_that_cannot_be_one_is_left_out(site: Settings, given: str) -> None:
    """What a proxy lets through from anybody leads nowhere else."""
    app = create_app(site.model_copy(update={"proxies": 1}))
    answer = app.test_client().get("/history", headers={"X-Forwarded-Prefix": given})
    assert answer.headers["Location"].startswith("/sign-in")
    app.extensions["simsvc"].database.close()


def test_a_prefix_counts_only_with_a_proxy(site: Settings) -> None:
    """Without SIMSVC_PROXIES the header is anybody's."""
    app = create_app(site)
    answer = app.test_client().get("/history", headers={"X-Forwarded-Prefix": PREFIX})
    assert answer.headers["Location"].startswith("/sign-in")
    app.extensions["simsvc"].database.close()


def test_a_prefix_like_a_path_of_ours_is_taken_off_by_the_proxy(site: Settings) -> None:
    """Below /api, the API is at /api/api/v1; a proxy that takes the first off has said so."""
    app = create_app(site.model_copy(update={"proxies": 1}))
    answer = app.test_client().get("/api/v1/openapi.json", headers={"X-Forwarded-Prefix": "/api"})
    assert answer.get_json()["servers"] == [{"url": "/api"}]
    app.extensions["simsvc"].database.close()


def test_behind_tls_the_cookie_of_a_prefix_is_secure(site: Settings) -> None:
    """Its name says that it is for HTTPS, and not for the whole host."""
    app = create_app(site.model_copy(update={"tls": True, "script_name": PREFIX}))
    answer = app.test_client().get(f"{PREFIX}/sign-in", base_url="https://desk.example")
    assert answer.headers["Set-Cookie"].startswith("__Secure-simsvc=")
    app.extensions["simsvc"].database.close()


@pytest.mark.parametrize("text", ["age", "/a b", "//x", "https://x", "/a/../\\b"])
def test_a_wrong_prefix_is_one_sentence(text: str) -> None:
    """A setting that cannot be a prefix is refused in words."""
    with pytest.raises(SettingsError, match=r"SCRIPT_NAME is .* must be a path such as /age"):
        load_settings({"SCRIPT_NAME": text})


def test_a_prefix_is_set_without_its_last_slash() -> None:
    """/age/ is /age, and / is none."""
    assert load_settings({"SCRIPT_NAME": "/age/"}).script_name == "/age"
    assert load_settings({"SCRIPT_NAME": "/"}).script_name == ""
