"""Index builds and models that nobody needs any more: taken away, and that on record."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simsvc.errors import RetireRefused
from simsvc.ports import RetirementBook


@dataclass(frozen=True, slots=True)
class Retirement:
    """One model or index build that is to be taken away.

    Attributes:
        what: how people call it.
        subject: how the log calls it.
        in_service: whether estimates are made with it now.
        records: how many estimates were made with it, which could no longer be replayed.
        folder: where it lies.
        set_aside: takes its folder away in one step and returns where it lies then.
    """

    what: str
    subject: str
    in_service: bool
    records: int
    folder: Path
    set_aside: Callable[[], Path]


def retire(wanted: Retirement, book: RetirementBook, actor: str, *, force: bool) -> None:
    """Take a model or an index build away for good.

    The folder is renamed within the transaction that logs it, and deleted after it: a crash leaves it where
    it was, or a leftover that nothing reads.

    Raises:
        RetireRefused: it is in service, or records refer to it and `force` is not given.
        IndexUnwritable: the index folder cannot be written to.
        StoreError: it cannot be logged; then it stays.
    """
    if wanted.in_service:
        raise RetireRefused("in_service", name=wanted.what)
    if wanted.records and not force:
        raise RetireRefused("needed", records=wanted.records, name=wanted.what)
    aside: list[Path] = []
    content: dict[str, object] = {"records": wanted.records, "forced": bool(wanted.records)}
    try:
        book.retiring(wanted.subject, content, actor, lambda: aside.append(wanted.set_aside()))
    except BaseException:
        for folder in aside:
            folder.rename(wanted.folder)
        raise
    shutil.rmtree(aside[0], ignore_errors=True)
