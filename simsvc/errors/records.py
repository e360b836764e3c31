"""Records cannot be read, replayed, retired or erased."""

from __future__ import annotations

from simsvc.errors.base import SimsvcError


class StoreError(SimsvcError):
    """The database cannot be used."""

    code = "store_unavailable"


class StoreNotMigrated(StoreError):
    """The database lacks tables of this version."""

    code = "store_not_migrated"


class EstimateNotFound(StoreError):
    """No estimate has that id."""

    code = "estimate_not_found"


class EstimateErased(EstimateNotFound):
    """There was an estimate of that id; it was erased."""

    code = "estimate_erased"


class KeepError(SimsvcError):
    """What was kept for later does not allow what is asked."""

    code = "keep_error"


class PhotoDiffers(KeepError):
    """Another photo than the one that was judged."""

    code = "photo_differs"


class PhotoNotKept(KeepError):
    """The photo is needed again, and it was not kept or its time is over."""

    code = "photo_not_kept"


class PhotoLocked(KeepError):
    """No key at hand opens a kept photo."""

    code = "photo_locked"


class ModelGone(KeepError):
    """The model that made an estimate is no longer there."""

    code = "model_gone"


class BuildGone(KeepError):
    """The index build that an estimate was made with is no longer there."""

    code = "build_gone"


class RetireRefused(KeepError):
    """A model or an index build is needed still."""

    code = "retire_refused"


class NotConfirmed(KeepError):
    """What cannot be undone was not confirmed."""

    code = "not_confirmed"
