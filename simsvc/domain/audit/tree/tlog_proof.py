"""Proofs of inclusion that can be checked offline, as text.

Source: https://c2sp.org/tlog-proof
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

FIRST_LINE = "c2sp.org/tlog-proof@v1"


def proof_text(index: int, hashes: Iterable[bytes], note: str) -> str:
    """Return the text of a proof: the leaf's index, from 0, the hashes, and the signed checkpoint."""
    lines = (base64.b64encode(hashed).decode() for hashed in hashes)
    return "\n".join([FIRST_LINE, f"index {index}", *lines, "", note])
