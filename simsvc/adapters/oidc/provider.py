"""The OpenID provider through Authlib and joserfc: the authorization code flow with PKCE, state and nonce.

Nothing is asked of any host but the issuer's. Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3;
OpenID Connect Discovery 1.0; RFC 7636 (PKCE); RFC 9207 (the issuer in the answer).
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from simsvc.domain.accounts.identity import Identity
from simsvc.domain.accounts.session_age import RECENT
from simsvc.errors import OidcRefused, OidcUnreachable

if TYPE_CHECKING:
    from joserfc.jwk import KeySetSerialization

DISCOVERY = "/.well-known/openid-configuration"
SCOPE = "openid profile email"
ALGORITHMS = ("RS256", "PS256", "ES256")
"""Signatures with a public key. Source: OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725, section 3.1."""
TIMEOUT_S = 5.0
"""For connecting, and for each answer: a person waits for it."""
FRESH = timedelta(hours=1)
"""How long the provider's description and keys are kept; a new key is fetched at once."""
LEEWAY_S = 60
"""By how much clocks may differ. Source: RFC 7519, section 4.1.4: "usually no more than a few minutes"."""
RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that has begun: where to send the browser, and what it must keep until it is back."""

    url: str
    state: str
    nonce: str
    verifier: str


class OidcProvider:
    """A client of one OpenID provider."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, now: Callable[[], datetime]) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[datetime, dict[str, Any]]] = {}

    def begin(self, redirect_uri: str, *, again: bool = False) -> Begun:
        """Begin a sign-in; with `again`, the provider asks for proof even of who is signed in there.

        Raises OidcUnreachable if the provider does not answer.
        """
        begun = tuple(secrets.token_urlsafe(RANDOM_BYTES) for _ in range(3))
        state, nonce, verifier = begun
        more = {"prompt": "login", "max_age": "0"} if again else {}
        with self._client(redirect_uri) as client:
            url, _ = client.create_authorization_url(
                self._endpoint("authorization_endpoint"),
                state=state,
                nonce=nonce,
                code_verifier=verifier,
                **more,
            )
        return Begun(str(url), state, nonce, verifier)

    def finish(
        self, answer: Mapping[str, str], nonce: str, verifier: str, redirect_uri: str, *, again: bool = False
    ) -> Identity:
        """Return who signed in, from the parameters of the answer; the caller has checked `state`.

        Raises:
            OidcRefused: the provider declined, or its answer cannot be verified.
            OidcUnreachable: the provider does not answer.
        """
        if "error" in answer or "code" not in answer:
            raise OidcRefused("declined")
        if answer.get("iss", self.issuer) != self.issuer:
            raise OidcRefused("token")
        token = self._id_token(answer["code"], verifier, redirect_uri)
        claims = self._claims(token, nonce)
        if again:
            self._check_recent(claims)
        return Identity(self.issuer, str(claims["sub"]), claims)

    def _id_token(self, code: str, verifier: str, redirect_uri: str) -> str:
        from authlib.integrations.base_client import OAuthError  # noqa: PLC0415 - of the extra `oidc`
        from requests import RequestException  # noqa: PLC0415 - likewise

        endpoint = self._endpoint("token_endpoint")
        try:
            with self._client(redirect_uri) as client:
                answer = client.fetch_token(
                    endpoint, code=code, code_verifier=verifier, timeout=TIMEOUT_S, allow_redirects=False
                )
        except RequestException as error:
            raise OidcUnreachable("silent") from error
        except (OAuthError, ValueError) as error:
            raise OidcRefused("token") from error
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise OidcRefused("token")
        return token

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        from joserfc import jwt  # noqa: PLC0415 - of the extra `oidc`
        from joserfc.errors import JoseError  # noqa: PLC0415 - likewise

        registry = jwt.JWTClaimsRegistry(
            now=int(self._now().timestamp()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = dict(self._decoded(token))
            registry.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise OidcRefused("token") from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != self._client_id:
            raise OidcRefused("token")
        return claims

    def _decoded(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token with a right signature; a missing key is fetched first."""
        from joserfc import jwt  # noqa: PLC0415 - of the extra `oidc`
        from joserfc.errors import JoseError  # noqa: PLC0415 - likewise
        from joserfc.jwk import KeySet  # noqa: PLC0415 - likewise

        def decoded(keys: dict[str, Any]) -> Mapping[str, Any]:
            known = KeySet.import_key_set(cast("KeySetSerialization", keys))
            return jwt.decode(token, known, algorithms=list(ALGORITHMS)).claims

        address = self._endpoint("jwks_uri")
        try:
            return decoded(self._fetched(address))
        except (JoseError, ValueError):
            return decoded(self._fetched(address, fresh=True))

    def _check_recent(self, claims: Mapping[str, Any]) -> None:
        at = claims.get("auth_time")
        if not isinstance(at, int) or self._now().timestamp() - at > RECENT.total_seconds():
            raise OidcRefused("recent")

    def _endpoint(self, name: str) -> str:
        """Return an address from the provider's description, which must be on the issuer's own host."""
        described = self._fetched(self.issuer + DISCOVERY)
        address = described.get(name)
        if described.get("issuer") != self.issuer or not isinstance(address, str):
            raise OidcUnreachable("silent")
        if _origin(address) != _origin(self.issuer):
            raise OidcUnreachable("host", host=str(urlsplit(address).hostname))
        return address

    def _fetched(self, address: str, *, fresh: bool = False) -> dict[str, Any]:
        """Return a JSON object from the provider, kept for a while."""
        with self._lock:
            at, kept = self._kept.get(address, (None, None))
        if kept is not None and at is not None and not fresh and self._now() - at < FRESH:
            return kept
        found = _json(address)
        with self._lock:
            self._kept[address] = (self._now(), found)
        return found

    def _client(self, redirect_uri: str) -> Any:
        try:
            from authlib.integrations.requests_client import OAuth2Session  # noqa: PLC0415 - of the extra `oidc`
        except ImportError as error:
            raise OidcUnreachable("library") from error
        return OAuth2Session(
            self._client_id,
            self._client_secret or None,
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._client_secret else "none",
        )


def same_state(kept: str, sent: str) -> bool:
    """Compare the state that the browser kept with the one it came back with."""
    return bool(kept) and hmac.compare_digest(kept.encode(), sent.encode())


def _json(address: str) -> dict[str, Any]:
    try:
        import requests  # noqa: PLC0415 - of the extra `oidc`
    except ImportError as error:
        raise OidcUnreachable("library") from error
    try:
        answer = requests.get(address, timeout=TIMEOUT_S, allow_redirects=False)
        answer.raise_for_status()
        found = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise OidcUnreachable("silent") from error
    if not isinstance(found, dict):
        raise OidcUnreachable("silent")
    return found


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc
