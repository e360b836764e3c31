"""Records cannot be read, replayed, retired or erased."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class StoreError(SimsvcError):
    """The database cannot be used."""

    code = "store_unavailable"
    templates: ClassVar = {
        "unusable": N_(
            "The database cannot be used just now. What is on record is kept. Try again; if it persists, "
            "tell the operator."
        ),
        "busy": N_(
            "The database is busy with something else. What is on record is kept; try again in a moment."
        ),
        "full": N_(
            "The disk of the database is full, so nothing new can go on record. What is on record is kept. "
            "Try again when the operator has made room."
        ),
        "read_only": N_(
            "The file of the database, or its folder, cannot be read or written: the disk is read-only, or "
            "the service's account may not. Nothing new can go on record, and what is on record is kept. Try "
            "again when the operator has made that account their owner, or the disk writable."
        ),
        "unopened": N_(
            "The database cannot be opened. Check DATABASE_URL, and that its driver is installed: for "
            "PostgreSQL, `pip install 'simsvc[postgres]'`."
        ),
        "folder": N_(
            "The folder of the database, %(folder)s, cannot be made (%(problem)s). Let the service's account "
            "write there, or name another place with DATABASE_URL."
        ),
        "migration": "The database could not be brought up to date.",
        "erased": N_(
            "The files of the database may hold copies of what was erased, by %(receipts)s receipts of the "
            "log. Run `flask erase finish`."
        ),
    }


class StoreNotMigrated(StoreError):
    """The database lacks tables of this version."""

    code = "store_not_migrated"
    templates: ClassVar = {
        "tables": N_("The database lacks this version's tables. Run `flask db upgrade`."),
        "revision": N_(
            "The database is at revision %(found)s, this version needs %(wanted)s. Run `flask db upgrade`."
        ),
    }


class EstimateNotFound(StoreError):
    """No estimate has that id."""

    code = "estimate_not_found"
    templates: ClassVar = {
        "unknown": N_("There is no estimate with this id. Check the address or upload the photo again."),
        "not_there": N_("There is no estimate with this id. Check the address and try again."),
    }


class EstimateErased(EstimateNotFound):
    """There was an estimate of that id; it was erased."""

    code = "estimate_erased"
    template = N_("This estimate was erased. Nothing of it is kept but a receipt in the log.")


class KeepError(SimsvcError):
    """What was kept for later does not allow what is asked."""

    code = "keep_error"


class PhotoDiffers(KeepError):
    """Another photo than the one that was judged."""

    code = "photo_differs"
    template = (
        "This is not the photo of the record: its SHA-256 is another one. Send the very file that was "
        "uploaded then."
    )


class PhotoNotKept(KeepError):
    """The photo is needed again, and it was not kept or its time is over."""

    code = "photo_not_kept"
    template = (
        "The photo of this record is not kept. Send it again with the request: its SHA-256 is compared with "
        "the recorded one."
    )


class PhotoLocked(KeepError):
    """No key at hand opens a kept photo."""

    code = "photo_locked"
    templates: ClassVar = {
        "other_key": (
            "The kept photo cannot be opened with any key in SIMSVC_PHOTO_KEYS. Add the key that it was kept "
            "with."
        ),
        "no_key": "There is no key in SIMSVC_PHOTO_KEYS. Set the one that photos were kept with.",
    }


class ModelGone(KeepError):
    """The model that made an estimate is no longer there."""

    code = "model_gone"
    templates: ClassVar = {
        "estimate": (
            "The model that made this estimate is no longer kept here, so it cannot be run again. If there "
            "is a back-up of the models' folder, put it back."
        ),
        "name": "No kept model, or more than one, is called that. Name one by `flask model list`.",
    }


class BuildGone(KeepError):
    """The index build that an estimate was made with is no longer there."""

    code = "build_gone"
    template = (
        "The index build that this estimate was made with is no longer there, so it cannot be searched "
        "again. If there is a back-up of the index folder, put it back."
    )


class RetireRefused(KeepError):
    """A model or an index build is needed still."""

    code = "retire_refused"
    templates: ClassVar = {
        "in_service": "%(name)s is in service. Put another one into service first.",
        "needed": (
            "%(records)s records were made with %(name)s and could no longer be replayed. Retire it all the "
            "same with --force."
        ),
    }


class NotConfirmed(KeepError):
    """What cannot be undone was not confirmed."""

    code = "not_confirmed"
    template = N_("Nothing was erased. Tick the box if it should be, and send the form again.")
