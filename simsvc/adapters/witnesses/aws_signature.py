"""Signatures of requests to S3.

Source: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header (AWS Signature
Version 4)".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Access keys and the region that they are used in."""

    key_id: str
    secret: str = field(repr=False)
    region: str
    token: str = field(default="", repr=False)


def signed(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    now: datetime,
) -> dict[str, str]:
    """Return the headers of a request together with those that sign it.

    `now` is in UTC; the path of the URL is percent-encoded.
    """
    parts, moment = urlsplit(url), now.strftime("%Y%m%dT%H%M%SZ")
    every = {
        **headers,
        "host": parts.netloc,
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": moment,
    }
    if credentials.token:
        every["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(name.lower() for name in every))
    canonical = "\n".join(
        (
            method,
            parts.path or "/",
            _query(parts.query),
            *(f"{name.lower()}:{every[name].strip()}" for name in sorted(every, key=str.lower)),
            "",
            names,
            every["x-amz-content-sha256"],
        )
    )
    scope = f"{moment[:8]}/{credentials.region}/s3/aws4_request"
    wanted = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = hmac.digest(_key(credentials, moment[:8]), wanted.encode(), "sha256").hex()
    said = f"Credential={credentials.key_id}/{scope},SignedHeaders={names},Signature={signature}"
    return {**every, "Authorization": f"{ALGORITHM} {said}"}


def _query(query: str) -> str:
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)


def _key(credentials: Credentials, day: str) -> bytes:
    key = f"AWS4{credentials.secret}".encode()
    for part in (day, credentials.region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
