"""How commands say what went wrong: in the error's own sentence, with exit status 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from simsvc.errors import SimsvcError


@contextmanager
def sentences() -> Iterator[None]:
    """Turn a typed error into click's; anything else is a defect and shows its traceback."""
    try:
        yield
    except SimsvcError as error:
        raise click.ClickException(error.sentence) from None
