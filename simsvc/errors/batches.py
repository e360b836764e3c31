"""Batches of photos and the tables beside them."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class BatchError(SimsvcError):
    """The photos cannot be processed as a batch."""

    code = "batch_error"


class BatchEmpty(BatchError):
    """No photo was received."""

    code = "batch_empty"
    templates: ClassVar = {
        "no_photo": N_(
            "None of the files is a photo: %(names)s. Choose photos, or a ZIP of photos, and upload them "
            "again."
        ),
        "nothing": N_("No photos were received. Choose photos, or a ZIP of photos, and upload them again."),
    }


class BatchTooLarge(BatchError):
    """The batch has too many photos or is too large."""

    code = "batch_too_large"
    templates: ClassVar = {
        "files": N_("The ZIP contains too many files. Upload the photos in several batches."),
        "photos": N_("There are more than %(most)s photos. Upload them in several batches."),
        "bytes": N_("The unpacked photos are too large for one batch. Upload them in several batches."),
        "upload": N_(
            "The upload is too large. The limit is %(most_mb).0f MB at once. Upload the photos in several "
            "batches."
        ),
    }


class ArchiveDamaged(BatchError):
    """The ZIP cannot be unpacked."""

    code = "archive_damaged"
    templates: ClassVar = {
        "damaged": N_("The ZIP is damaged or incomplete. Zip the photos again and upload the new ZIP."),
        "packing": N_("The ZIP uses an unsupported format. Save it as a standard ZIP and upload it again."),
    }


class ArchiveEncrypted(BatchError):
    """The ZIP is password-protected."""

    code = "archive_encrypted"
    template = N_("The ZIP is password-protected. Zip the photos without a password and upload it again.")


class ArchiveNested(BatchError):
    """The ZIP contains another archive."""

    code = "archive_nested"
    template = N_(
        "The ZIP contains another archive. Unpack it, zip the photos themselves and upload the new ZIP."
    )


class ArchiveUnsafe(BatchError):
    """A name in the ZIP points outside it, or is a link."""

    code = "archive_unsafe"
    template = N_(
        "A name in the ZIP points outside it, so nothing was extracted. Zip the photos again from their "
        "folder and upload the new ZIP."
    )


class ArchiveBomb(BatchError):
    """Files in the ZIP overlap, so it would expand far beyond its size."""

    code = "archive_bomb"
    template = N_(
        "Files in the ZIP overlap, as in a ZIP made to fill a disk, so nothing was extracted. Zip the photos "
        "again and upload the new ZIP."
    )


class CasesUnreadable(BatchError):
    """The table of cases is not valid or does not match the photos."""

    code = "cases_unreadable"
    templates: ClassVar = {
        "columns": N_(
            "The first line of the CSV must name the columns: file, and case, birth_date or photo_date, each "
            "once. Add it and upload the CSV again."
        ),
        "rows": N_("%(problems)s Correct the CSV and upload it again."),
        "table": N_("%(problem)s"),
        "size": N_("The CSV is too large for a table of case references. Upload the right file."),
        "several": N_(
            "There is more than one CSV. Put all cases and dates into one file and upload it again."
        ),
    }


class BatchQuota(BatchError):
    """Too many photos of the account are waiting."""

    code = "batch_quota"
    templates: ClassVar = {
        "photos": N_(
            "Your account already has %(waiting)s photos waiting, and the limit is %(most)s, so nothing was "
            "uploaded. Wait until more are processed, or upload fewer photos."
        ),
        "bytes": N_(
            "Your account already has %(waiting_mb).0f MB of photos waiting, and the limit is %(most_mb).0f "
            "MB, so nothing was uploaded. Wait until more are processed, or upload fewer photos."
        ),
    }


class BatchUnwritable(BatchError):
    """The waiting photos cannot be stored."""

    code = "batch_unwritable"
    templates: ClassVar = {
        "failed": N_(
            "The photos could not be stored for processing (%(problem)s). Nothing was uploaded. Try again "
            "later. If the problem persists, tell the operator."
        ),
        "permission": N_(
            "The service account cannot read the waiting photos. Make it the owner of the batches folder and "
            "everything in it (`chown -R`)."
        ),
    }


class DiskReserve(BatchUnwritable):
    """The photos do not fit on the disk without using space reserved for records."""

    code = "disk_reserve"
    template = N_(
        "The server has %(free_mb).0f MB of disk space left and must keep %(reserve_mb).0f MB for records, "
        "so nothing was uploaded. Try again once waiting photos are processed. If the problem persists, tell "
        "the operator."
    )


class PhotoLost(BatchError):
    """A waiting photo is gone."""

    code = "photo_lost"
    template = N_("The photo was lost before its age was estimated. Upload it again.")


class NotJudged(BatchError):
    """Judging a photo failed again and again."""

    code = "not_judged"
    template = N_(
        "We could not process this photo because of a problem on our side. Upload it on its own, and tell "
        "the operator."
    )


class AlreadyJudged(BatchError):
    """Another process has already recorded this photo."""

    code = "already_judged"
    template = N_("The age in this photo has already been estimated. Check its batch.")


class LeaseLost(BatchError):
    """The photo is leased by another process, or by none."""

    code = "lease_lost"
    template = N_("Another process has taken over this photo, so this result was not recorded.")


class BatchNotFound(BatchError):
    """The batch does not exist."""

    code = "batch_not_found"
    template = N_("There is no batch with this ID. Check the list of batches and try again.")


class TableUnreadable(SimsvcError):
    """The file is not a CSV, or is damaged."""

    code = "table_unreadable"
    templates: ClassVar = {
        "encoding": N_(
            "Line %(line)s of the CSV is not %(encoding)s text. Save it as CSV UTF-8 and try again."
        ),
        "workbook": N_("The file is a spreadsheet, not a CSV. Save it as CSV UTF-8 and try again."),
        "quotes": N_(
            "The quotation marks in line %(line)s of the CSV do not match. Correct them, or save the table "
            "as CSV again, and try again."
        ),
        "cell": N_(
            "Line %(line)s of the CSV has a cell that is too long. A quotation mark may be missing. Correct "
            "it and try again."
        ),
    }
