"""The root of the error tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from simsvc.messages import Message, Param


class SimsvcError(Exception):
    """Root of every error raised on purpose; `str(error)` is its English sentence.

    A class declares one `template`, or several `templates` by reason. Those that a page may show are marked
    with `N_`; the others reach only programs and the command line, which speak English.
    """

    code: ClassVar[str] = "error"
    template: ClassVar[str] = ""
    templates: ClassVar[Mapping[str, str]] = {}

    def __init__(self, reason: str | None = None, /, **params: Param) -> None:
        """State what happened.

        Args:
            reason: key of `templates`; None where there is one `template`. Where no page is concerned, as in
                the trainer, it may be a whole sentence.
            params: what fills the template's gaps.
        """
        super().__init__(*(() if reason is None else (reason,)))
        self.params = params

    @property
    def reason(self) -> str | None:
        """Which of the class's templates it states, or None."""
        return self.args[0] if self.args and self.args[0] in self.templates else None

    @property
    def message(self) -> Message:
        """What happened and what to do, ready to be translated."""
        reason = self.args[0] if self.args else None
        template = self.template if reason is None else self.templates.get(reason, reason)
        return Message(template, self.params, self.code, self.reason)

    @property
    def sentence(self) -> str:
        """What happened and what to do, in English."""
        return str(self)

    def __str__(self) -> str:
        return str(self.message)


def every_error(root: type[SimsvcError] = SimsvcError) -> Iterator[type[SimsvcError]]:
    """Give a class and all classes below it."""
    yield root
    for kind in root.__subclasses__():
        yield from every_error(kind)


def error_of(message: Message) -> SimsvcError:
    """Return the error that a message states.

    Raises:
        LookupError: no error has that code, or that reason.
    """
    kind = next((kind for kind in every_error() if kind.code == message.code), None)
    if kind is None or (message.reason is not None and message.reason not in kind.templates):
        raise LookupError(f"no error has the code {message.code!r} and the reason {message.reason!r}")
    return kind(message.reason, **message.params)


def to_json(message: Message) -> dict[str, Any]:
    """Return a message as records hold it: an error's by code and reason, any other by its template."""
    params = {
        name: to_json(value) if isinstance(value, Message) else value
        for name, value in message.params.items()
    }
    if message.code is None:
        return {"template": message.template, "params": params}
    return {"code": message.code, "reason": message.reason, "params": params}


def from_json(held: Mapping[str, Any]) -> Message:
    """Return a message that a record holds.

    Raises:
        LookupError: it is of an error that is not known here.
    """
    params = {
        name: from_json(value) if isinstance(value, Mapping) else value
        for name, value in held["params"].items()
    }
    if "template" in held:
        return Message(held["template"], params)
    return error_of(Message("", params, held["code"], held["reason"])).message
