"""A syslog receiver, which takes checkpoints but cannot be asked for them."""

from __future__ import annotations

import base64
import os
import socket

from simsvc.adapters.sending.syslog import Syslog
from simsvc.domain.audit.streaming import structured_data, syslog_line
from simsvc.domain.audit.tree.signed_note import parse_note
from simsvc.domain.audit.tree.tlog_checkpoint import parse_head
from simsvc.errors import DeliveryFailed, WitnessFailed
from simsvc.values.audit.log import SignedCheckpoint
from simsvc.values.audit.witnesses import Cosignature, Prove, Seen


class SyslogWitness:
    """Sends each checkpoint as a message whose structured data has every part of the signed note."""

    takes_every = True
    reads = False

    def __init__(self, url: str) -> None:
        self._syslog = Syslog(url)
        self.name = self._syslog.name

    def take(self, checkpoint: SignedCheckpoint, known: int, prove: Prove) -> tuple[Cosignature, ...]:
        """Send a checkpoint.

        Raises:
            WitnessFailed: the receiver cannot be reached.
        """
        del known, prove
        note = parse_note(checkpoint.note)
        fields = [
            ("origin", parse_head(note.text).origin),
            ("size", checkpoint.size),
            ("root", base64.b64encode(checkpoint.root).decode()),
            *(("signature", str(signature).rstrip("\n")) for signature in note.signatures),
        ]
        at = checkpoint.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        data = structured_data("checkpoint", fields)
        line = syslog_line(at, socket.gethostname(), os.getpid(), "checkpoint", data)
        try:
            self._syslog.send([line])
        except DeliveryFailed as failure:
            problem = failure.params["problem"]
            raise WitnessFailed("unreachable", witness=self.name, problem=problem) from None
        return ()

    def last(self, latest: SignedCheckpoint | None, prove: Prove) -> Seen | None:
        """Return None: a syslog receiver cannot be asked."""
        del latest, prove
        return None
