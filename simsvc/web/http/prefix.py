"""The path below which people reach the service, and the address that its links begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import request, url_for

from simsvc.adapters.ops.address import address_for_links
from simsvc.settings import SCRIPT_NAME
from simsvc.web.http.current import services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class SetPrefix:
    """Takes the prefix of the setting SCRIPT_NAME off the path, whether or not a proxy did already.

    Source: PEP 3333, SCRIPT_NAME: where the path of the application begins.
    """

    def __init__(self, app: WSGIApplication, script_name: str) -> None:
        self._app = app
        self._script_name = script_name

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request."""
        if not environ.get("SCRIPT_NAME"):  # a server that knows the variable has done the same
            environ["SCRIPT_NAME"] = self._script_name
            environ["PATH_INFO"] = local_path(environ.get("PATH_INFO", ""), self._script_name)
        return self._app(environ, start_response)


class CheckedPrefix:
    """Leaves out an X-Forwarded-Prefix that could lead away, and takes it off a path that still has it."""

    HEADER = "HTTP_X_FORWARDED_PREFIX"

    def __init__(self, app: WSGIApplication, is_ours: Callable[[str], bool]) -> None:
        self._app = app
        self._is_ours = is_ours

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request."""
        given = [part.strip().rstrip("/") for part in environ.get(self.HEADER, "").split(",")]
        if not all(not part or SCRIPT_NAME.fullmatch(part) for part in given):
            environ.pop(self.HEADER)
        elif self.HEADER in environ:
            environ[self.HEADER] = ",".join(given)
            if given[-1] and not self._is_ours(given[-1]):
                environ["PATH_INFO"] = local_path(environ.get("PATH_INFO", ""), given[-1])
        return self._app(environ, start_response)


def local_path(path: str, script_name: str) -> str:
    """Return a path without the prefix; one that does not have it stays as it is."""
    if script_name and (path == script_name or path.startswith(f"{script_name}/")):
        return path[len(script_name) :] or "/"
    return path


def cookie_path() -> str:
    """Return the path that cookies belong to: this service, and not its neighbours at the same address."""
    return request.script_root or "/"


def public_link(endpoint: str, **values: Any) -> str:
    """Return a link to hand over: with the address that is set, that proxies say, or that the server has.

    What a browser says of the address counts for nothing. Source: OWASP Forgot Password Cheat Sheet, "URL
    tokens": no reliance on the Host header.
    """
    settings, prefix = services().settings, request.script_root
    if settings.proxies and not settings.public_url:
        base = request.url_root.rstrip("/")
    else:
        base = address_for_links(settings.public_url, prefix, settings.bind, settings.batch_dir)
    return base + url_for(endpoint, **values).removeprefix(prefix)
