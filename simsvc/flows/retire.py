"""Retire index builds and models that are no longer needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simsvc.errors import RetireRefused


class Book(Protocol):
    """Recorded models and builds."""

    def retiring(self, subject: str, content: dict[str, object], actor: str, act: Callable[[], None]) -> None:
        """Log a retirement in one transaction with `act`; raises StoreError."""
        ...


@dataclass(frozen=True, slots=True)
class Retirement:
    """A model or index build to retire.

    Attributes:
        what: name for people.
        subject: name in the log.
        in_service: whether it is in service.
        records: number of estimates that could no longer be replayed.
        folder: its folder.
        set_aside: renames its folder and returns the new path.
    """

    what: str
    subject: str
    in_service: bool
    records: int
    folder: Path
    set_aside: Callable[[], Path]


def retire(wanted: Retirement, book: Book, actor: str, *, force: bool) -> None:
    """Permanently delete a model or an index build.

    The folder is renamed within the logging transaction and deleted afterwards, so a crash leaves it
    unchanged or as unused leftovers.

    Raises:
        RetireRefused: it is in service, or records refer to it without `force`.
        IndexUnwritable: the index folder is not writable.
        StoreError: it cannot be logged, and is not deleted.
    """
    if wanted.in_service:
        raise RetireRefused(f"{wanted.what} is in service. Put another one into service first.")
    if wanted.records and not force:
        raise RetireRefused(
            f"{wanted.records} records were made with {wanted.what} and could no longer be replayed. "
            "Retire it all the same with --force."
        )
    aside: list[Path] = []
    content: dict[str, object] = {"records": wanted.records, "forced": bool(wanted.records)}
    try:
        book.retiring(wanted.subject, content, actor, lambda: aside.append(wanted.set_aside()))
    except BaseException:
        for folder in aside:
            folder.rename(wanted.folder)
        raise
    shutil.rmtree(aside[0], ignore_errors=True)
