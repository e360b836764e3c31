"""Settings, disk, back-ups, results and the log."""

from __future__ import annotations

from simsvc.errors.base import SimsvcError


class AuditError(SimsvcError):
    """The log cannot be audited as asked."""

    code = "audit_error"


class CheckpointRefused(AuditError):
    """What should be a checkpoint of the log is none."""

    code = "checkpoint_refused"


class DiskUnfit(SimsvcError):
    """There is too little room, or no right to write."""

    code = "disk_unfit"


class BackupRefused(SimsvcError):
    """A back-up cannot be made, or not be put back."""

    code = "backup_refused"


class ResultsRefused(SimsvcError):
    """The table of many photos' results cannot be written."""

    code = "results_refused"


class SettingsError(SimsvcError):
    """A setting has a value that cannot be used."""

    code = "settings_invalid"
