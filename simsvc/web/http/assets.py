"""Scripts and styles: minified, compressed, and cached by browsers while their address stays the same."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import flask_bootstrap
import rcssmin
import rjsmin
from flask import Flask, Response, request
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

OWN = Path(__file__).resolve().parents[1] / "static"
BOOTSTRAP = Path(flask_bootstrap.__file__).resolve().parent / "static" / "bootstrap5"
FOLDERS = {"bootstrap/": BOOTSTRAP, "": OWN}
"""First part of a file's name -> the folder that the rest lies in."""
FOREVER_S, HOUR_S = 31_536_000, 3_600
"""How long browsers keep a file: what lies at an address with a version never changes. Source: RFC 9111,
section 5.2.2.1, and RFC 8246 (immutable)."""
COMPRESSED = frozenset({".css", ".js", ".svg"})


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent: its bytes, the same packed by gzip or None, and the version of its content."""

    body: bytes
    gzipped: bytes | None
    media_type: str
    version: str


def register(app: Flask) -> None:
    """Serve `/static/...`, and let `url_for("static", filename=...)` name the version."""
    app.add_url_rule("/static/<path:filename>", "static", send)
    app.url_defaults(_add_version)


def send(filename: str) -> Response:
    """Return a file.

    Raises:
        NotFound: there is none of that name.
    """
    asset = find(filename)
    if asset is None:
        raise NotFound
    packed = asset.gzipped if request.accept_encodings["gzip"] else None
    response = Response(packed or asset.body, mimetype=asset.media_type)
    response.set_etag(f"{asset.version}{'-gzip' if packed else ''}")
    if asset.gzipped is not None:
        response.vary.add("Accept-Encoding")
    if packed:
        response.content_encoding = "gzip"
    current = request.args.get("v") == asset.version
    kept = f"{FOREVER_S}, immutable" if current else HOUR_S
    response.headers["Cache-Control"] = f"public, max-age={kept}"
    response.make_conditional(request)
    return response


def find(filename: str) -> Asset | None:
    """Return a file by its name below `/static/`, or None."""
    first = next(first for first in FOLDERS if filename.startswith(first))
    path = safe_join(str(FOLDERS[first]), filename.removeprefix(first))
    if path is None or not Path(path).is_file():
        return None
    return _asset(Path(path), Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _asset(path: Path, modified_ns: int) -> Asset:
    """Read, minify and compress a file; `modified_ns` makes an edited file a new one."""
    del modified_ns
    body = minified(path.name, path.read_bytes())
    gzipped = gzip.compress(body, 9, mtime=0) if path.suffix in COMPRESSED else None
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(body, gzipped, media_type, hashlib.sha256(body).hexdigest()[:12])


def minified(name: str, body: bytes) -> bytes:
    """Return a script or style without comments and spaces; any other file, and a `.min.` one, as it is."""
    if ".min." in name:
        return body
    if name.endswith(".css"):
        return bytes(rcssmin.cssmin(body))
    if name.endswith(".js"):
        return bytes(rjsmin.jsmin(body))
    return body


def _add_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static" and (asset := find(values["filename"])):
        values["v"] = asset.version
