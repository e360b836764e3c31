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
            "The database is not available right now. Existing records are safe. Try again. If the problem "
            "persists, tell the operator."
        ),
        "busy": N_("The database is busy. Existing records are safe. Try again in a moment."),
        "full": N_(
            "The database disk is full, so nothing new can be recorded. Existing records are safe. Try again "
            "when the operator has freed some space."
        ),
        "read_only": N_(
            "The database file or its folder cannot be read or written: the disk is read-only, or the "
            "service account has no permission. Nothing new can be recorded; existing records are safe. Try "
            "again when the operator has made the service account the owner, or the disk writable."
        ),
        "unopened": N_(
            "The database cannot be opened. Check DATABASE_URL and that the driver is installed. For "
            "PostgreSQL, run `pip install 'simsvc[postgres]'`."
        ),
        "folder": N_(
            "The database folder %(folder)s cannot be created (%(problem)s). Give the service account write "
            "permission, or set DATABASE_URL to another location."
        ),
        "migration": "The database could not be upgraded.",
        "erased": N_(
            "The database files may still hold copies of erased data (%(receipts)s receipts in the log). Run "
            "`flask erase finish`."
        ),
    }


class StoreNotMigrated(StoreError):
    """The database does not have this version's tables."""

    code = "store_not_migrated"
    templates: ClassVar = {
        "tables": N_("The database does not have this version's tables. Run `flask db upgrade`."),
        "revision": N_(
            "The database is at revision %(found)s, but this version needs %(wanted)s. Run `flask db "
            "upgrade`."
        ),
    }


class ReadsNotLogged(StoreError):
    """Views of records must be logged, and cannot be."""

    code = "reads_not_logged"
    template = N_(
        "Views of records cannot be logged right now, so none are shown. Try again in a moment. If the "
        "problem persists, tell the operator."
    )


class EstimateNotFound(StoreError):
    """The estimate does not exist."""

    code = "estimate_not_found"
    templates: ClassVar = {
        "unknown": N_("There is no estimate with this ID. Check the address or upload the photo again."),
        "not_there": N_("There is no estimate with this ID. Check the address and try again."),
    }


class EstimateErased(EstimateNotFound):
    """The estimate was erased."""

    code = "estimate_erased"
    template = N_("This estimate has been erased. Only a receipt in the log remains.")


class KeepError(SimsvcError):
    """The kept photo, model or index build does not allow this."""

    code = "keep_error"


class PhotoDiffers(KeepError):
    """The photo differs from the original one."""

    code = "photo_differs"
    template = N_("This is not the photo of the record: its SHA-256 is different. Send the original file.")


class PhotoNotKept(KeepError):
    """The photo is needed, but was not kept or has been deleted."""

    code = "photo_not_kept"
    template = N_(
        "The photo of this record was not kept. Send the original file; its SHA-256 must match the record."
    )


class PhotoLocked(KeepError):
    """No key can decrypt the kept photo."""

    code = "photo_locked"
    templates: ClassVar = {
        "other_key": N_(
            "The kept photo cannot be opened with any key in SIMSVC_PHOTO_KEYS. Add the key that it was kept "
            "with."
        ),
        "no_key": N_("SIMSVC_PHOTO_KEYS is empty. Set the key the photos were encrypted with."),
    }


class ModelGone(KeepError):
    """The model of the estimate no longer exists."""

    code = "model_gone"
    templates: ClassVar = {
        "estimate": N_(
            "The model that made this estimate is no longer kept. If you have a backup of the models folder, "
            "restore it."
        ),
        "name": "No kept model, or more than one, has that name. Use a name from `flask model list`.",
    }


class BuildGone(KeepError):
    """The index build of the estimate no longer exists."""

    code = "build_gone"
    template = N_(
        "The index build of this estimate no longer exists. If you have a backup of the index folder, "
        "restore it."
    )


class RetireRefused(KeepError):
    """The model or index build is still in use."""

    code = "retire_refused"
    templates: ClassVar = {
        "in_service": "%(name)s is in service. Put another one into service first.",
        "needed": (
            "%(records)s records were made with %(name)s and could no longer be replayed. To retire it "
            "anyway, use --force."
        ),
    }


class NotConfirmed(KeepError):
    """The erasure was not confirmed."""

    code = "not_confirmed"
    template = N_("Nothing was erased. To erase, tick the box and submit again.")
