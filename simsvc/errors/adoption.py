"""An installation of one machine cannot be moved to several hosts."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError


class AdoptionRefused(SimsvcError):
    """The installation of one machine cannot be adopted."""

    code = "adoption_refused"
    templates: ClassVar = {
        "target": (
            "DATABASE_URL names SQLite, which several hosts cannot share. Set it to an empty PostgreSQL "
            "database, and name the old one with --from."
        ),
        "objects": "SIMSVC_OBJECTS is not set. Set it to the object store of the new installation.",
        "no_source": "There is no database at %(source)s. Name the one of the old installation with --from.",
        "in_use": (
            "The database that DATABASE_URL names already has records of its own. Name an empty one; nothing "
            "was changed."
        ),
        "running": "These hosts still run on the new database: %(names)s. Stop them, then run this again.",
        "unknown_tables": (
            "The old database has tables that this version does not know: %(names)s. Use the version that "
            "wrote it; nothing was changed."
        ),
        "differs": (
            "The table %(table)s differs from that of the old installation, which must not run meanwhile. "
            "Stop it, make the new database anew, and run this again."
        ),
        "log": "The copied log is not intact: %(problem)s Make the new database anew, and run this again.",
        "unlike": "%(what)s differs in the object store from the file on this machine. Run this again.",
    }
