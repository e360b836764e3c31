"""The model cannot be used."""

from __future__ import annotations

from simsvc.errors.base import SimsvcError


class BundleError(SimsvcError):
    """The model bundle cannot be used."""

    code = "bundle_error"


class BundleMissing(BundleError):
    """No bundle lies where one is expected."""

    code = "bundle_missing"


class BundleDamaged(BundleError):
    """The bundle's files and its manifest disagree."""

    code = "bundle_damaged"


class BundleUnreadable(BundleError):
    """The account of this process may not read a file of the model."""

    code = "bundle_unreadable"


class EngineMissing(BundleError):
    """What should run the model is not installed."""

    code = "engine_missing"


class PriorUnfit(BundleError):
    """A prior over ages is set, and the model gives no distribution to apply it to."""

    code = "prior_unfit"


class DetectorDamaged(BundleError):
    """The face detector's files are missing or not as they were shipped."""

    code = "detector_damaged"
