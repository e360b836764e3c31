"""Putting another index build into service: checked first, on record afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from simsvc.domain.gallery.manifest import Manifest
from simsvc.errors import IndexModelMismatch
from simsvc.values import LabelledFace


class Faces(Protocol):
    """The labelled faces of a build."""

    @property
    def faces(self) -> Sequence[LabelledFace]:
        """The labelled faces in item order."""
        ...


class Shelf(Protocol):
    """Where index builds stand."""

    def verify(self, label: str) -> Manifest:
        """Check every file of a build; raises BuildNotFound, IndexDamaged."""
        ...

    def gallery(self, label: str) -> Faces:
        """Open the faces of a build."""
        ...

    def current(self) -> str | None:
        """Return the build in service."""
        ...

    def switch(self, label: str) -> None:
        """Put a build into service; raises IndexUnwritable."""
        ...


class Switches(Protocol):
    """Where switches are on record."""

    def recording(
        self, label: str, previous: str | None, by: str | None, now: datetime
    ) -> AbstractContextManager[None]:
        """Put a switch on record together with what is done meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class Switcher:
    """What a switch needs.

    Attributes:
        shelf: where index builds stand.
        switches: where switches are on record.
        model_version: of the model in service, for people.
        model_sha256: of the model in service: a build fits one model only.
        on_built: puts a build and its faces on record; may be called again for the same build.
        now: the clock.
    """

    shelf: Shelf
    switches: Switches
    model_version: str
    model_sha256: str
    on_built: Callable[[Manifest, Sequence[LabelledFace]], None]
    now: Callable[[], datetime]

    def fitting(self, label: str) -> Manifest:
        """Check every file of a build and hold it against the model in service.

        Raises:
            BuildNotFound: there is no such build.
            IndexDamaged: a file is not as its manifest states.
            IndexModelMismatch: it was built with another model.
        """
        manifest = self.shelf.verify(label)
        if manifest.model.sha256 != self.model_sha256:
            raise IndexModelMismatch(
                "switch", label=label, model=manifest.model.version, in_service=self.model_version
            )
        return manifest

    def use(self, label: str, by: str | None = None) -> Manifest:
        """Check a build, put it into service, and record that; running services follow within two seconds.

        Args:
            label: "name/build".
            by: public id of the account, or None on the command line.

        Raises:
            BuildNotFound: there is no such build.
            IndexDamaged: a file is not as its manifest states.
            IndexModelMismatch: it was built with another model.
            IndexUnwritable: the index folder cannot be written to.
            StoreError: the database cannot be written.
        """
        manifest = self.fitting(label)
        self.on_built(manifest, self.shelf.gallery(label).faces)
        with self.switches.recording(label, self.shelf.current(), by, self.now()):
            self.shelf.switch(label)
        return manifest
