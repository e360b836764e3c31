"""Checks of what decides who may ask, and how often: on both hosts alike."""

from __future__ import annotations

import http.client
import re
import time
from contextlib import closing
from urllib.parse import urlencode

from tests.cluster.checks import Run, estimated, need
from tests.cluster.hosts import Host
from tests.cluster.site import SIGN_INS, ask_with, bind_of, flask
from tests.helpers import wait_until
from tests.small_site import drawn_photo
from tests.visitor import HIDDEN, Visitor

PROMISED_S = 2.0
"""Within which every host is to know what changed on another."""


def rate(run: Run) -> str:
    """Both hosts count as one: as many sign-ins pass as one host would let pass."""
    first, second = run.web
    cookie, token = _form(first)
    passed = 0
    while passed < 2 * SIGN_INS:
        host = (first, second)[passed % 2]
        fields = {"name": f"nobody {passed}", "password": "of nobody at all", "csrf_token": token}
        if _post(host, "/sign-in", cookie, fields, "192.0.2.77") == 429:
            break
        passed += 1
    need(passed == SIGN_INS, f"{passed} sign-ins passed, {SIGN_INS} may in a minute")
    for host in run.web:
        fields = {"name": "nobody", "password": "of nobody at all", "csrf_token": token}
        need(_post(host, "/sign-in", cookie, fields, "192.0.2.77") == 429, f"{host.name} lets one more pass")
    return f"{passed} of {SIGN_INS} a minute passed, sent to each host in turn"


def sessions(run: Run, visitor: Visitor) -> str:
    """Who signed in is known to both hosts, and to neither after signing out on one."""
    first, second = run.web
    for host in run.web:
        need(_get(host, "/history", visitor.cookies) == 200, f"{host.name} does not know the session")
    page = visitor.get("/history")
    token = dict(reversed(HIDDEN.findall(page)))["csrf_token"]
    status = _post(first, "/sign-out", visitor.cookies, {"csrf_token": token})
    need(status == 303, f"signing out was answered with {status}")
    status = _get(second, "/history", visitor.cookies)
    need(status in {302, 303}, f"{second.name} answers {status} after signing out on {first.name}")
    return "signed out on one host, refused by the other at the next request"


def tokens(run: Run) -> str:
    """A token that is revoked on one host is refused by the other at the next request."""
    first, second = run.web
    text = flask(first, "token", "create", "short", "--scope", "admin").stdout.strip()
    need(ask_with(text, second, "GET", "/api/v1/indexes")[0] == 200, f"{second.name} does not know the token")
    found = re.match(r"simsvc_[0-9a-f]{12}", text)
    need(found, "tokens begin otherwise")
    flask(first, "token", "revoke", str(found and found[0]))
    status = ask_with(text, second, "GET", "/api/v1/indexes")[0]
    need(status == 401, f"{second.name} answers {status}")
    return "revoked on one host, refused by the other at the next request"


def switch(run: Run) -> str:
    """A build that is put into service on one host answers on both within two seconds."""
    labels = [item["label"] for item in ask_with(run.token, run.web[0], "GET", "/api/v1/indexes")[1]["items"]]
    others = [label for label in labels if label != run.site.label]
    need(others, "there is no other build")
    took_s = []
    for label in (others[0], run.site.label):
        flask(run.web[0], "index", "use", label)
        began_s = time.monotonic()
        for host in run.web:
            wait_until(lambda h=host, x=label: estimated(run, h, drawn_photo(7200))["index"] == x, 30.0)  # type: ignore[misc]
        took_s.append(time.monotonic() - began_s)
    words = f"on both hosts after {took_s[0]:.2f} s, and back after {took_s[1]:.2f} s"
    need(max(took_s) <= PROMISED_S, words)
    return words


def _form(host: Host) -> tuple[str, str]:
    """Return the cookie and the token of a sign-in form."""
    with closing(http.client.HTTPConnection(bind_of(host), timeout=10)) as connection:
        connection.request("GET", "/sign-in")
        answer = connection.getresponse()
        cookies = "; ".join(each.partition(";")[0] for each in answer.headers.get_all("Set-Cookie", []))
        return cookies, dict(reversed(HIDDEN.findall(answer.read().decode())))["csrf_token"]


def _get(host: Host, path: str, cookie: str) -> int:
    with closing(http.client.HTTPConnection(bind_of(host), timeout=10)) as connection:
        connection.request("GET", path, headers={"Cookie": cookie})
        return connection.getresponse().status


def _post(host: Host, path: str, cookie: str, fields: dict[str, str], address: str = "192.0.2.1") -> int:
    kind = "application/x-www-form-urlencoded"
    headers = {"Cookie": cookie, "Content-Type": kind, "X-Forwarded-For": address}
    with closing(http.client.HTTPConnection(bind_of(host), timeout=30)) as connection:
        connection.request("POST", path, urlencode(fields), headers)
        return connection.getresponse().status
