"""An OpenID provider on this machine: discovery, keys, authorization and tokens, as real ones answer."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

CLIENT_ID, CLIENT_SECRET = "simsvc-tests", "a secret of the tests"


class Provider:
    """Signs in whoever `claims` names, without asking.

    Attributes:
        claims: what it says of the person.
        wrong: claims that replace right ones in its tokens.
        described: what replaces right addresses in its description.
        key: signs its tokens; `published` is what it gives out.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.issuer = ""
        self.claims: dict[str, Any] = {"sub": "person-1", "name": "Ada Lindqvist"}
        self.wrong: dict[str, Any] = {}
        self.described: dict[str, str] = {}
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}, private=True)
        self.published = self.key
        self._now = now
        self._codes: dict[str, dict[str, str]] = {}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer a request."""
        request = Request(environ)
        answers = {
            "/.well-known/openid-configuration": self._description,
            "/keys": self._keys,
            "/authorize": self._authorize,
            "/token": self._token,
        }
        return answers[request.path](request)(environ, start_response)

    def _description(self, _request: Request) -> Response:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        addresses = {name: f"{self.issuer}/{path}" for name, path in names.items()}
        return _json({"issuer": self.issuer, **addresses, **self.described})

    def _keys(self, _request: Request) -> Response:
        return _json(KeySet([self.published]).as_dict(private=False))

    def _authorize(self, request: Request) -> Response:
        asked = dict(request.args.items())
        assert (asked["client_id"], asked["response_type"]) == (CLIENT_ID, "code")
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        return Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{back}"})

    def _token(self, request: Request) -> Response:
        sent, given = request.form, request.authorization
        asked = self._codes.pop(sent["code"])
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest())
        right = challenge.decode().rstrip("=") == asked["code_challenge"]
        right &= given is not None and (given.username, given.password) == (CLIENT_ID, CLIENT_SECRET)
        if not right or sent["redirect_uri"] != asked["redirect_uri"]:
            return _json({"error": "invalid_grant"}, 400)
        at = int(self._now().timestamp())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": at, "exp": at + 300, "nonce": asked["nonce"]}
        if "max_age" in asked:
            claims["auth_time"] = at
        token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims | self.claims | self.wrong, self.key)
        return _json({"access_token": "opens nothing", "token_type": "Bearer", "id_token": token})


@contextmanager
def serving(now: Callable[[], datetime]) -> Iterator[Provider]:
    """Serve a provider while the block runs."""
    provider = Provider(now)
    server = make_server("127.0.0.1", 0, provider, threaded=True)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield provider
    server.shutdown()
    thread.join()


def query_of(address: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def _json(content: object, status: int = 200) -> Response:
    return Response(json.dumps(content), status, content_type="application/json")
