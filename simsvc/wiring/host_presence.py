"""Which services of this host run: the last one that ends takes it off the list of live hosts."""

from __future__ import annotations

import fcntl
import logging
from contextlib import suppress
from typing import IO

from simsvc.errors import StoreError
from simsvc.settings import Settings
from simsvc.store.database import sqlite_file
from simsvc.store.hosts import HostStore
from simsvc.wiring.hosts.host_watch import boot_id, host_id
from simsvc.wiring.services import open_database

LOCK = ".host.lock"
"""In the folder that is a part of the host's id; each service shares it, and the last one has it alone."""

_log = logging.getLogger(__name__)


class HostPresence:
    """Held by a service, that is gunicorn's first process or a batch worker, from its start to its end.

    The other hosts need not wait until a host that ended counts as gone. A service that was killed takes
    nothing off; the kernel frees its lock.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file: IO[str] | None = None

    def begin(self) -> None:
        """Say to the other services of this host that this one runs; nothing where no database is shared."""
        if sqlite_file(self._settings.database_url) is not None:
            return
        folder = self._settings.index_root
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = (folder / LOCK).open("a")
        except OSError as error:  # then it counts as live for a while after its end
            _log.warning("%s cannot be written: %s", folder / LOCK, error.strerror)
            return
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def end(self) -> None:
        """Say that this service has ended; without another one, the host is no longer live."""
        if self._file is None:
            return
        with self._file as file:
            # children that are about to end have the file open, too: closing it would not be enough
            fcntl.flock(file, fcntl.LOCK_UN)
            try:
                self._leave_if_alone(file)
            except StoreError as error:
                _log.warning("this host cannot say that it has ended: %s", error.sentence)

    def leave_after_command(self) -> None:
        """Take the host off again where only a command said that it is live, and no service of it runs."""
        if sqlite_file(self._settings.database_url) is not None:
            return
        try:
            with (self._settings.index_root / LOCK).open() as file:
                self._leave_if_alone(file)
        except FileNotFoundError:
            with suppress(StoreError):
                self._leave()
        except (OSError, StoreError):
            return  # a file of another account: nobody knows

    def _leave_if_alone(self, file: IO[str]) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        try:
            self._leave()
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def _leave(self) -> None:
        settings = self._settings
        database = open_database(settings)
        try:
            if database.is_shared:
                HostStore(database).leave(host_id(settings.host, settings.index_root, boot_id()))
        finally:
            database.close()
