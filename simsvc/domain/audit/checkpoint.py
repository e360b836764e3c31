"""Checkpoints of the log as files."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

from simsvc.errors import CheckpointRefused
from simsvc.values.events import Checkpoint

FORMAT = 1


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """Return the text of a checkpoint file."""
    return json.dumps({"format": FORMAT, **asdict(checkpoint)}, indent=2) + "\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint in a file's text.

    Raises:
        CheckpointRefused: the text is not a checkpoint.
    """
    try:
        raw = json.loads(text)
    except ValueError:
        raise CheckpointRefused("no_checkpoint") from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise CheckpointRefused("no_checkpoint")
    seq, sha256, at = raw.get("seq"), raw.get("sha256"), raw.get("at")
    if not isinstance(sha256, str) or not isinstance(at, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise CheckpointRefused("no_checkpoint")
    if not isinstance(seq, int) or isinstance(seq, bool) or seq < 1:
        raise CheckpointRefused("no_checkpoint")
    return Checkpoint(seq, sha256, at)
