"""An S3 bucket with object lock: a checkpoint is an object that nobody can change or delete until a date.

Source: Amazon S3 API Reference, PutObject, GetObject and ListObjectsV2.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

from simsvc.adapters.sending.http_client import Answer, request
from simsvc.adapters.witnesses.aws_signature import Credentials, signed
from simsvc.domain.audit.tree.signed_note import parse_note
from simsvc.domain.audit.tree.tlog_checkpoint import parse_head
from simsvc.errors import CheckpointRefused, DeliveryFailed, NoteRefused, WitnessFailed, WitnessLied
from simsvc.values.audit.log import SignedCheckpoint
from simsvc.values.audit.witnesses import Cosignature, Prove, Seen

LARGEST = 10**12
"""Object names begin with this minus the tree size, so that the newest checkpoint is listed first."""
LOCKED_DAYS = 365
_KEY = re.compile(rb"<Key>([^<]+)</Key>")


class S3Witness:
    """Puts each checkpoint into a bucket.

    Args:
        url: s3://bucket/prefix?region=eu-central-1&days=365&endpoint=https://host; of the parameters, each
            may be missing. `days` is how long objects are locked in compliance mode; 0 leaves that to the
            bucket. `endpoint` names another store that speaks S3.
        credentials: with the region that is used if the address names none.
    """

    takes_every = True
    reads = True

    def __init__(self, url: str, credentials: Credentials, now: Callable[[], datetime]) -> None:
        parts = urlsplit(url)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        region = asked.get("region", credentials.region)
        self._credentials = Credentials(credentials.key_id, credentials.secret, region, credentials.token)
        endpoint = asked.get("endpoint", f"https://s3.{region}.amazonaws.com").rstrip("/")
        self._bucket = f"{endpoint}/{parts.netloc}"
        self._prefix = f"{parts.path.strip('/')}/".lstrip("/")
        self._days = int(asked.get("days", LOCKED_DAYS))
        self._now = now
        self.name = f"s3://{parts.netloc}{parts.path}"

    def take(self, checkpoint: SignedCheckpoint, known: int, prove: Prove) -> tuple[Cosignature, ...]:
        """Put a checkpoint into the bucket, locked.

        Raises:
            WitnessFailed: the bucket does not take it.
        """
        del known, prove
        size, body = checkpoint.size, checkpoint.note.encode()
        headers = {"content-type": "text/plain; charset=utf-8"}
        if self._days:
            until = self._now() + timedelta(days=self._days)
            checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
            headers |= {
                "x-amz-checksum-sha256": checksum,
                "x-amz-object-lock-mode": "COMPLIANCE",
                "x-amz-object-lock-retain-until-date": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        name = quote(f"{self._prefix}{LARGEST - size:012d}-{size}.note", safe="/-_.~")
        self._ask("PUT", f"{self._bucket}/{name}", headers, body)
        return ()

    def last(self, latest: SignedCheckpoint | None, prove: Prove) -> Seen | None:
        """Return the checkpoint with the largest tree, or None if there is none.

        Raises:
            WitnessFailed: the bucket cannot be read.
            WitnessLied: the object is not a checkpoint.
        """
        del latest, prove
        query = f"list-type=2&max-keys=1&prefix={quote(self._prefix, safe='-_.~')}"
        found = _KEY.search(self._ask("GET", f"{self._bucket}?{query}").body)
        if found is None:
            return None
        answer = self._ask("GET", f"{self._bucket}/{quote(found[1].decode(), safe='/-_.~')}")
        try:
            note = parse_note(answer.body)
            head = parse_head(note.text)
        except (NoteRefused, CheckpointRefused):
            raise WitnessLied("note", witness=self.name) from None
        return Seen(head.size, head.root, str(note))

    def _ask(self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        if not self._credentials.key_id or not self._credentials.secret:
            raise WitnessFailed("credentials", witness=self.name)
        every = signed(method, url, headers or {}, body, self._credentials, self._now())
        try:
            answer = request(method, url, body or None, every)
        except DeliveryFailed as failure:
            problem = failure.params["problem"]
            raise WitnessFailed("unreachable", witness=self.name, problem=problem) from None
        if not answer.is_success:
            raise WitnessFailed("status", witness=self.name, status=answer.status)
        return answer
