"""Numbers too small for full precision, which processors compute with a hundred times slower."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def flushing() -> Iterator[None]:
    """Take such numbers for zero; networks whose weights decayed have many of them."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
