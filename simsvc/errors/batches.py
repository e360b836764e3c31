"""Batches of photos and the tables beside them."""

from __future__ import annotations

from simsvc.errors.base import SimsvcError


class BatchError(SimsvcError):
    """Photos cannot be taken in as a batch."""

    code = "batch_error"


class BatchEmpty(BatchError):
    """No photo came."""

    code = "batch_empty"


class BatchTooLarge(BatchError):
    """More photos, or more bytes, than one batch may have."""

    code = "batch_too_large"


class ArchiveDamaged(BatchError):
    """The ZIP cannot be unpacked."""

    code = "archive_damaged"


class ArchiveEncrypted(BatchError):
    """A file in the ZIP needs a password."""

    code = "archive_encrypted"


class ArchiveNested(BatchError):
    """The ZIP holds another archive."""

    code = "archive_nested"


class ArchiveUnsafe(BatchError):
    """A name in the ZIP leads out of it, or is a link."""

    code = "archive_unsafe"


class ArchiveBomb(BatchError):
    """Files in the ZIP share bytes, so that far more would be unpacked than came."""

    code = "archive_bomb"


class CasesUnreadable(BatchError):
    """The table of case references cannot be understood, or does not fit the photos."""

    code = "cases_unreadable"


class BatchQuota(BatchError):
    """More of an account's photos would wait than may."""

    code = "batch_quota"


class BatchUnwritable(BatchError):
    """The waiting photos cannot be kept."""

    code = "batch_unwritable"


class DiskReserve(BatchUnwritable):
    """Keeping the photos would take room that is kept free for the service's records."""

    code = "disk_reserve"


class AlreadyJudged(BatchError):
    """Another process was faster with a photo: nothing of this one's work is put on record."""

    code = "already_judged"


class BatchNotFound(BatchError):
    """No batch has that id."""

    code = "batch_not_found"


class TableUnreadable(SimsvcError):
    """What should be a CSV table is none, or is damaged."""

    code = "table_unreadable"
