"""Retire index builds and models that are no longer needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simsvc.errors import RetireRefused
from simsvc.ports import RetirementBook


@dataclass(frozen=True, slots=True)
class Retirement:
    """A model or index build to retire.

    Attributes:
        what: name for people.
        subject: name in the log.
        records: number of estimates that could no longer be replayed.
        set_aside: renames its folder and returns the new path.
        said: what else the log says of it, such as the sha256 of its manifest.
    """

    what: str
    subject: str
    in_service: bool
    records: int
    folder: Path
    set_aside: Callable[[], Path]
    said: Mapping[str, object] = field(default_factory=dict)


def retire(wanted: Retirement, book: RetirementBook, actor: str, *, force: bool) -> None:
    """Take a model or an index build away for good.

    The folder is renamed within the logging transaction and deleted afterwards, so a crash leaves it
    unchanged or as unused leftovers.

    Raises RetireRefused if it is in service, or records refer to it without `force`; IndexUnwritable if the
    index folder is not writable; StoreError if it cannot be logged, and is not deleted.
    """
    if wanted.in_service:
        raise RetireRefused("in_service", name=wanted.what)
    if wanted.records and not force:
        raise RetireRefused("needed", records=wanted.records, name=wanted.what)
    aside: list[Path] = []
    content = {"records": wanted.records, "forced": bool(wanted.records), **wanted.said}
    try:
        book.retiring(wanted.subject, content, actor, lambda: aside.append(wanted.set_aside()))
    except BaseException:
        for folder in aside:
            folder.rename(wanted.folder)
        raise
    shutil.rmtree(aside[0], ignore_errors=True)
