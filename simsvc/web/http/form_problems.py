"""What is wrong with a form, told where its fields are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from simsvc.errors import SimsvcError
from simsvc.messages import Message
from simsvc.web.http.errors import status_of


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a form, and the ids of the fields it is about; the first gets the focus."""

    sentence: Message
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Problems:
    """Everything that is wrong with the form at hand, in the order of its fields.

    Source: GOV.UK Design System, "Error summary" and "Error message": all errors at once, each beside its
    field and linked to it.
    """

    found: list[Problem] = field(default_factory=list)
    status: int = 200

    @contextmanager
    def noting(
        self, kinds: type[SimsvcError] | tuple[type[SimsvcError], ...], *fields: str
    ) -> Iterator[None]:
        """Note an error of these kinds as a problem of these fields, and go on."""
        try:
            yield
        except kinds as refusal:
            self.note(refusal, *fields)

    def note(self, refusal: SimsvcError, *fields: str) -> None:
        """Add an error as a problem of these fields; the first one decides the status of the answer."""
        self.found.append(Problem(refusal.message, fields))
        self.status = self.status if len(self.found) > 1 else status_of(refusal)
