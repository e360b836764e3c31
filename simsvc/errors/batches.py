"""Batches of photos and the tables beside them."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class BatchError(SimsvcError):
    """Photos cannot be taken in as a batch."""

    code = "batch_error"


class BatchEmpty(BatchError):
    """No photo came."""

    code = "batch_empty"
    templates: ClassVar = {
        "no_photo": N_(
            "No file that came with the request is a photo: %(names)s. Choose photos, or a ZIP of photos, "
            "and send them again."
        ),
        "nothing": N_(
            "No photo came with the request. Choose photos, or a ZIP of photos, and send them again."
        ),
    }


class BatchTooLarge(BatchError):
    """More photos, or more bytes, than one batch may have."""

    code = "batch_too_large"
    templates: ClassVar = {
        "files": N_("The ZIP holds far too many files. Send the photos as several batches."),
        "photos": N_("There are more than %(most)s photos. Send them as several batches."),
        "bytes": N_(
            "The photos are too large for one batch once they are unpacked. Send them as several batches."
        ),
        "upload": N_(
            "The upload is too large: at most %(most_mb).0f MB are accepted at once. Send the photos as "
            "several batches."
        ),
    }


class ArchiveDamaged(BatchError):
    """The ZIP cannot be unpacked."""

    code = "archive_damaged"
    templates: ClassVar = {
        "damaged": N_("The ZIP is damaged or incomplete. Pack the photos again and send the new ZIP."),
        "packing": N_(
            "The ZIP is packed in a way that is not accepted. Pack it as a plain ZIP and send it again."
        ),
    }


class ArchiveEncrypted(BatchError):
    """A file in the ZIP needs a password."""

    code = "archive_encrypted"
    template = N_("The ZIP is protected by a password. Pack the photos without one and send it again.")


class ArchiveNested(BatchError):
    """The ZIP holds another archive."""

    code = "archive_nested"
    template = N_(
        "The ZIP holds another archive. Unpack that one, put the photos themselves into the ZIP and send it "
        "again."
    )


class ArchiveUnsafe(BatchError):
    """A name in the ZIP leads out of it, or is a link."""

    code = "archive_unsafe"
    template = N_(
        "A name in the ZIP leads to a place outside of it, so nothing was taken from it. Pack the photos "
        "again from their folder and send the new ZIP."
    )


class ArchiveBomb(BatchError):
    """Files in the ZIP share bytes, so that far more would be unpacked than came."""

    code = "archive_bomb"
    template = N_(
        "Files in the ZIP share the same bytes, as in one that is made to fill a disk, so nothing was taken "
        "from it. Pack the photos again and send the new ZIP."
    )


class CasesUnreadable(BatchError):
    """The table of case references cannot be understood, or does not fit the photos."""

    code = "cases_unreadable"
    templates: ClassVar = {
        "columns": N_(
            "The first line of the CSV must name the columns: file, and case, birth_date or photo_date, each "
            "once. Add it and send it again."
        ),
        "rows": N_("%(problems)s Correct the table and send it again."),
        "table": N_("%(problem)s"),
        "size": N_("The CSV is far larger than a table of case references. Send the right file."),
        "several": N_(
            "There is more than one CSV. Put all cases and dates into one table and send it again."
        ),
    }


class BatchQuota(BatchError):
    """More of an account's photos would wait than may."""

    code = "batch_quota"
    templates: ClassVar = {
        "photos": N_(
            "%(waiting)s photos of your account wait already, and at most %(most)s may, so nothing was taken "
            "in. Wait until more of them are judged, or send fewer photos."
        ),
        "bytes": N_(
            "Photos of your account with %(waiting_mb).0f MB wait already, and at most %(most_mb).0f MB may, "
            "so nothing was taken in. Wait until more of them are judged, or send fewer photos."
        ),
    }


class BatchUnwritable(BatchError):
    """The waiting photos cannot be kept."""

    code = "batch_unwritable"
    templates: ClassVar = {
        "failed": N_(
            "The photos cannot be kept until they are judged (%(problem)s). Nothing was taken in. Try again "
            "later; if it persists, tell the operator."
        ),
        "permission": N_(
            "The service's account may not read the waiting photos. Make that account the owner of the "
            "batches' folder and of all in it (`chown -R`)."
        ),
        "queue": (
            "The queue of batches, %(folder)s/%(file)s, cannot be opened. Make the service's account the "
            "owner of its folder and of all in it (`chown -R`), and try again."
        ),
    }


class DiskReserve(BatchUnwritable):
    """Keeping the photos would take room that is kept free for the service's records."""

    code = "disk_reserve"
    template = N_(
        "The service's disk has %(free_mb).0f MB free, and %(reserve_mb).0f MB are kept for its records, so "
        "nothing was taken in. Try again once waiting photos are judged; if it persists, tell the operator."
    )


class PhotoLost(BatchError):
    """A waiting photo is gone."""

    code = "photo_lost"
    template = N_("The photo was lost before it was judged. Send it again.")


class NotJudged(BatchError):
    """Judging a photo failed again and again."""

    code = "not_judged"
    template = N_(
        "The photo could not be judged, for a reason on our side. Send it by itself, and tell the operator."
    )


class AlreadyJudged(BatchError):
    """Another process was faster with a photo: nothing of this one's work is put on record."""

    code = "already_judged"
    template = N_("The photo was judged already. Look at its batch.")


class BatchNotFound(BatchError):
    """No batch has that id."""

    code = "batch_not_found"
    template = N_("There is no batch with this id. Look at the list of batches and try again.")


class TableUnreadable(SimsvcError):
    """What should be a CSV table is none, or is damaged."""

    code = "table_unreadable"
    templates: ClassVar = {
        "encoding": N_(
            "Line %(line)s of the table is not text in %(encoding)s. Save it as CSV UTF-8 and try again."
        ),
        "workbook": N_("The table is a spreadsheet's own file, not CSV. Save it as CSV UTF-8 and try again."),
        "quotes": N_(
            "The quotation marks in line %(line)s of the table do not belong together, as CSV needs it. "
            "Correct them, or save the table as CSV again, and try again."
        ),
        "cell": N_(
            "Line %(line)s of the table, as CSV, holds a cell that is too long: a quotation mark may be "
            "missing. Correct it and try again."
        ),
    }
