"""How commands report errors: the error's sentence and exit status 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from simsvc.errors import SimsvcError


@contextmanager
def sentences() -> Iterator[None]:
    """Turn a SimsvcError into a click error; any other exception shows its traceback."""
    try:
        yield
    except SimsvcError as error:
        raise click.ClickException(error.sentence) from None
