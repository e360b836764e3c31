"""Retire index builds and models that are no longer needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simsvc.errors import RetireRefused
from simsvc.ports import RetirementBook, SetAside


@dataclass(frozen=True, slots=True)
class Retirement:
    """A model or index build to retire.

    Attributes:
        what: name for people.
        subject: name in the log.
        records: number of estimates that could no longer be replayed.
        set_aside: makes it disappear, so that it can be put back.
        said: what else the log says of it, such as the sha256 of its manifest.
    """

    what: str
    subject: str
    in_service: bool
    records: int
    set_aside: Callable[[], SetAside]
    said: Mapping[str, object] = field(default_factory=dict)


def retire(wanted: Retirement, book: RetirementBook, actor: str, *, force: bool) -> None:
    """Take a model or an index build away for good.

    It is set aside within the logging transaction and deleted afterwards, so a crash leaves it unchanged or
    as unused leftovers.

    Raises RetireRefused if it is in service, or records refer to it without `force`; IndexUnwritable if the
    index folder is not writable; StoreError if it cannot be logged, and is not deleted.
    """
    if wanted.in_service:
        raise RetireRefused("in_service", name=wanted.what)
    if wanted.records and not force:
        raise RetireRefused("needed", records=wanted.records, name=wanted.what)
    aside: list[SetAside] = []
    content = {"records": wanted.records, "forced": bool(wanted.records), **wanted.said}
    try:
        book.retiring(wanted.subject, content, actor, lambda: aside.append(wanted.set_aside()))
    except BaseException:
        for one in aside:
            one.restore()
        raise
    aside[0].delete()
