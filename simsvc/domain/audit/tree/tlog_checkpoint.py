"""Checkpoints of the log in the open format: origin, tree size and root hash as the text of a signed note.

Source: https://c2sp.org/tlog-checkpoint
"""

from __future__ import annotations

import base64
import binascii
import re

from simsvc.domain.audit.tree.merkle import HASH_BYTES
from simsvc.errors import CheckpointRefused
from simsvc.values.audit.log import TreeHead

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LEAST_LINES = 3


def head_text(head: TreeHead) -> str:
    """Return the text of a checkpoint's note."""
    return f"{head.origin}\n{head.size}\n{base64.b64encode(head.root).decode()}\n"


def parse_head(text: str) -> TreeHead:
    """Return the tree head that the text of a note says; ignore extension lines.

    Raises:
        CheckpointRefused: the text is not that of a checkpoint.
    """
    lines = text.split("\n")
    if lines.pop() or len(lines) < _LEAST_LINES or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise CheckpointRefused("no_checkpoint")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError):
        raise CheckpointRefused("no_checkpoint") from None
    if len(root) != HASH_BYTES or base64.b64encode(root).decode() != lines[2]:
        raise CheckpointRefused("no_checkpoint")
    return TreeHead(lines[0], int(lines[1]), root)
