"""Verify an index build, put it into service and record the switch."""

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
    """The reference faces of a build."""

    @property
    def faces(self) -> Sequence[LabelledFace]:
        """The reference faces in item order."""


class Shelf(Protocol):
    """The index folder."""

    def verify(self, label: str) -> Manifest:
        """Verify every file of a build; raises BuildNotFound, IndexDamaged."""

    def gallery(self, label: str) -> Faces:
        """Open the faces of a build."""

    def current(self) -> str | None:
        """Return the build in service."""

    def switch(self, label: str) -> None:
        """Put a build into service; raises IndexUnwritable."""


class Switches(Protocol):
    """Recorded switches."""

    def recording(
        self, label: str, previous: str | None, by: str | None, now: datetime
    ) -> AbstractContextManager[None]:
        """Record a switch in one transaction with an action."""


@dataclass(frozen=True, slots=True)
class Switcher:
    """Dependencies of a switch; `on_built` may be called again for the same build."""

    shelf: Shelf
    switches: Switches
    model_version: str
    model_sha256: str
    on_built: Callable[[Manifest, Sequence[LabelledFace]], None]
    now: Callable[[], datetime]

    def fitting(self, label: str) -> Manifest:
        """Verify every file of a build, and that it fits the model in service.

        Raises BuildNotFound if the build does not exist, IndexDamaged if a file does not match its manifest,
        IndexModelMismatch if it was built with another model.
        """
        manifest = self.shelf.verify(label)
        if manifest.model.sha256 != self.model_sha256:
            raise IndexModelMismatch(
                "switch", label=label, model=manifest.model.version, in_service=self.model_version
            )
        return manifest

    def use(self, label: str, by: str | None = None) -> Manifest:
        """Verify a build "name/build" and put it into service; services switch within two seconds.

        It is done by an account, or by None on the command line. Raises what `fitting` does, IndexUnwritable
        if the index folder is not writable, and StoreError.
        """
        manifest = self.fitting(label)
        self.on_built(manifest, self.shelf.gallery(label).faces)
        with self.switches.recording(label, self.shelf.current(), by, self.now()):
            self.shelf.switch(label)
        return manifest
