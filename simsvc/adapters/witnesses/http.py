"""An HTTPS endpoint that keeps what is posted to it."""

from __future__ import annotations

from simsvc.adapters.sending.http_client import Answer, request, without_secrets
from simsvc.domain.audit.tree.signed_note import parse_note
from simsvc.domain.audit.tree.tlog_checkpoint import parse_head
from simsvc.errors import CheckpointRefused, DeliveryFailed, NoteRefused, WitnessFailed, WitnessLied
from simsvc.values.audit.log import SignedCheckpoint
from simsvc.values.audit.witnesses import Cosignature, Prove, Seen

NO_NOTE = 404
WRITE_ONLY = (405, 501)
"""Of a GET: the endpoint cannot be asked. Source: RFC 9110, sections 15.5.6 and 15.6.2."""


class HttpWitness:
    """Posts each checkpoint as text; a GET of the same address returns the last one, if the endpoint can."""

    takes_every = True
    reads = True

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = without_secrets(url)

    def take(self, checkpoint: SignedCheckpoint, known: int, prove: Prove) -> tuple[Cosignature, ...]:
        """Post a checkpoint.

        Raises:
            WitnessFailed: the answer is not 200 to 299, or there is none.
        """
        del known, prove
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        answer = self._ask("POST", checkpoint.note.encode(), headers)
        if not answer.is_success:
            raise WitnessFailed("status", witness=self.name, status=answer.status)
        return ()

    def last(self, latest: SignedCheckpoint | None, prove: Prove) -> Seen | None:
        """Return the last checkpoint, or None if there is none, or the endpoint does not tell.

        Raises:
            WitnessFailed: there is no answer, or an error.
            WitnessLied: the answer is not a checkpoint.
        """
        del latest, prove
        answer = self._ask("GET", None, {"Accept": "text/plain"})
        if answer.status == NO_NOTE or answer.status in WRITE_ONLY:
            return None
        if not answer.is_success:
            raise WitnessFailed("status", witness=self.name, status=answer.status)
        try:
            note = parse_note(answer.body)
            head = parse_head(note.text)
        except (NoteRefused, CheckpointRefused):
            raise WitnessLied("note", witness=self.name) from None
        return Seen(head.size, head.root, str(note))

    def _ask(self, method: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        try:
            return request(method, self._url, body, headers)
        except DeliveryFailed as failure:
            problem = failure.params["problem"]
            raise WitnessFailed("unreachable", witness=self.name, problem=problem) from None
