"""Witnesses of the open network: they check that the log only grew, and sign what they saw.

Source: https://c2sp.org/tlog-witness
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from simsvc.adapters.sending.http_client import Answer, request, without_secrets
from simsvc.domain.audit.tree.signed_note import cosigned_at, parse_note, parse_vkey, verify_note
from simsvc.errors import DeliveryFailed, NoteRefused, WitnessDisagrees, WitnessFailed, WitnessLied
from simsvc.values.audit.log import SignedCheckpoint
from simsvc.values.audit.witnesses import Cosignature, Prove, Seen

ATTEMPTS = 3
"""With the size that the witness answered: it changes in between only if another server sent a checkpoint."""
SUCCESS, FORBIDDEN, UNKNOWN, CONFLICT, INCONSISTENT = 200, 403, 404, 409, 422
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n?")


class C2spWitness:
    """Submits checkpoints with consistency proofs, and verifies the cosignatures.

    Args:
        url: witness+https://host/prefix#vkey; the vkey is that of the witness.
    """

    takes_every = False
    reads = True

    def __init__(self, url: str) -> None:
        plain = url.removeprefix("witness+")
        self._url = f"{without_secrets(plain).rstrip('/')}/add-checkpoint"
        self._key = parse_vkey(unquote(urlsplit(plain).fragment))
        self._told: set[int] = set()
        self.name = f"witness {self._key.name}"

    def take(self, checkpoint: SignedCheckpoint, known: int, prove: Prove) -> tuple[Cosignature, ...]:
        """Submit a checkpoint, with the proof that it continues what the witness saw; return its cosignature.

        Raises:
            WitnessFailed: the witness cannot be reached, or does not know this log.
            WitnessDisagrees: the checkpoint does not continue what the witness saw.
            WitnessLied: its signature is wrong; or, once, it has forgotten what it saw.
        """
        return self._submit(checkpoint, min(known, checkpoint.size), known, prove)

    def last(self, latest: SignedCheckpoint | None, prove: Prove) -> Seen | None:
        """Submit the latest checkpoint again, to learn which size the witness saw last.

        Raises:
            WitnessFailed: the witness cannot be reached, or does not know this log.
            WitnessLied: its signature is wrong.
        """
        if latest is None:
            return None
        try:
            self._submit(latest, latest.size, 0, prove)
        except WitnessDisagrees as disagrees:
            return Seen(int(str(disagrees.params["seen"])), refused=disagrees.reason == "inconsistent")
        return Seen(latest.size, latest.root, latest.note)

    def _submit(
        self, checkpoint: SignedCheckpoint, old: int, known: int, prove: Prove
    ) -> tuple[Cosignature, ...]:
        size = checkpoint.size
        for _ in range(ATTEMPTS):
            answer = self._post(checkpoint, old, prove)
            if answer.status == SUCCESS:
                return self._cosignatures(checkpoint, answer.body)
            if answer.status != CONFLICT:
                self._refuse(answer.status, old)
            seen = self._size(answer.body)
            if seen > size:
                raise WitnessDisagrees("ahead", witness=self.name, seen=seen, size=size)
            if seen == old:  # of the same size, with another root
                raise WitnessDisagrees("inconsistent", witness=self.name, seen=seen)
            if seen < known and seen not in self._told:
                self._told.add(seen)
                raise WitnessLied("forgot", witness=self.name, answered=seen, size=known)
            old = seen
        raise WitnessFailed("moving", witness=self.name)

    def _post(self, checkpoint: SignedCheckpoint, old: int, prove: Prove) -> Answer:
        proof = prove(old, checkpoint.size) if old else ()
        lines = [f"old {old}", *(base64.b64encode(node).decode() for node in proof), "", checkpoint.note]
        try:
            return request("POST", self._url, "\n".join(lines).encode(), {"Content-Type": "text/plain"})
        except DeliveryFailed as failure:
            problem = failure.params["problem"]
            raise WitnessFailed("unreachable", witness=self.name, problem=problem) from None

    def _refuse(self, status: int, old: int) -> None:
        if status == INCONSISTENT:
            raise WitnessDisagrees("inconsistent", witness=self.name, seen=old)
        if status == UNKNOWN:
            raise WitnessFailed("unknown_log", witness=self.name)
        if status == FORBIDDEN:
            raise WitnessFailed("untrusted", witness=self.name)
        raise WitnessFailed("status", witness=self.name, status=status)

    def _size(self, body: bytes) -> int:
        found = _SIZE.fullmatch(body)
        if found is None:
            raise WitnessFailed("answer", witness=self.name)
        return int(found[1])

    def _cosignatures(self, checkpoint: SignedCheckpoint, body: bytes) -> tuple[Cosignature, ...]:
        """Return the witness's cosignature; ignore those of unknown keys."""
        text = parse_note(checkpoint.note).text
        try:
            note = parse_note(text.encode() + b"\n" + body)
            verify_note(note, [self._key])
        except NoteRefused as refusal:
            if refusal.reason == "signature":
                raise WitnessLied("cosignature", witness=self.name, size=checkpoint.size) from None
            raise WitnessFailed("answer", witness=self.name) from None
        signature = note.by(self._key)
        assert signature is not None  # noqa: S101 - it was just verified
        at = datetime.fromtimestamp(cosigned_at(signature.data), UTC)
        return (Cosignature(self._key.name, at, str(signature).rstrip("\n")),)
