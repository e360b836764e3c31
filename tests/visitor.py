"""A person's browser without the browser, for servers in processes of their own."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from tests.servers import PATIENCE_S

HIDDEN = re.compile(r'name="(csrf_token|form_key)"[^>]*value="([^"]+)"')
"""Fields that a form brings along; the first form of a page is taken."""


class Visitor:
    """Keeps cookies, and sends forms with the token and the key that they bring along."""

    def __init__(self, url: str, timeout_s: float = PATIENCE_S) -> None:
        self._url, self._jar = url, CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self._jar))
        self._timeout_s = timeout_s
        self._at = ""

    @property
    def cookies(self) -> str:
        """Return the cookies as a browser would send them."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._jar)

    def get(self, path: str) -> str:
        """Return a page."""
        return self._open(path)

    def hidden(self, page: str) -> dict[str, str]:
        """Return the fields that the form on a page brings along."""
        return dict(reversed(HIDDEN.findall(self.get(page))))

    def send(self, page: str, to: str, fields: dict[str, str], name: str = "", photo: bytes = b"") -> str:
        """Fill in the form on a page and return the address that sending it leads to."""
        photos = {"a.jpg": photo} if name else {}
        return self.send_filled(page, to, {**self.hidden(page), **fields}, name, photos)

    def send_filled(
        self, page: str, to: str, fields: Mapping[str, str], name: str = "", photos: Mapping[str, bytes] = {}
    ) -> str:
        """Send a form that is filled in, its hidden fields too, and return the address that this leads to."""
        headers = {"Referer": self._url + page}
        if photos:
            boundary = uuid.uuid4().hex
            headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
            body = multipart(boundary, fields, name, photos)
        else:
            body = urlencode(fields).encode()
        self._open(to, body, headers)
        return self._at

    def _open(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> str:
        address = self._url + path.removeprefix(self._url)
        request = Request(address, body, headers or {})  # noqa: S310 - a server that the test started
        with self._opener.open(request, timeout=self._timeout_s) as answer:
            self._at = answer.url
            return str(answer.read().decode())


def multipart(boundary: str, fields: Mapping[str, str], name: str, photos: Mapping[str, bytes]) -> bytes:
    """Return a form with fields, and with photos of these file names."""
    start = f"--{boundary}\r\nContent-Disposition: form-data; name="
    texts = "".join(f'{start}"{key}"\r\n\r\n{value}\r\n' for key, value in fields.items())
    files = b"".join(
        f'{start}"{name}"; filename="{file}"\r\nContent-Type: image/jpeg\r\n\r\n'.encode() + data + b"\r\n"
        for file, data in photos.items()
    )
    return texts.encode() + files + f"--{boundary}--\r\n".encode()
