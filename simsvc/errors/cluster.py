"""Several hosts: one machine cannot be moved there, or a part that they share is not as it should be."""

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


class PartUnfit(SimsvcError):
    """A part of an installation of several hosts is not as it should be."""

    code = "part_unfit"
    templates: ClassVar = {
        "database_old": (
            "PostgreSQL %(found)s is older than %(least)s, the oldest supported version. Upgrade it."
        ),
        "database_slow": (
            "The database takes %(ms).0f ms to answer an empty query. A record needs several queries: move "
            "hosts and database closer together, %(most)s ms apart at most."
        ),
        "clock": (
            "The clock of this host differs from the database's by %(seconds).1f s. Synchronise both, for "
            "example with chrony: more than %(most)s s are refused."
        ),
        "rates": (
            "Requests cannot be counted at %(address)s (%(problem)s), so that each worker counts alone and "
            "limits are higher. Start the server, or correct SIMSVC_RATE_STORAGE."
        ),
        "objects": (
            "What was written to %(store)s was read back differently. Use another object store, or repair "
            "this one."
        ),
        "objects_listing": (
            "What was written to %(store)s is not in its list of objects. Give the account the right to list."
        ),
        "host_names": (
            "Several live hosts have the same name: %(names)s. Set SIMSVC_HOST_NAME to a different one on "
            "each host, and restart them. If a host of this name was restarted after a crash, run this again "
            "in half a minute."
        ),
        "batches": (
            "%(waiting)s photos of batches wait, and no worker takes them. Start one: `flask batch work`."
        ),
    }
