"""Settings, disk, back-ups, results and the log."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class AuditError(SimsvcError):
    """The log cannot be audited as asked."""

    code = "audit_error"
    templates: ClassVar = {
        "broken": "%(problem)s",
        "empty": "The log is empty: there is nothing to keep. Run `flask db upgrade` first.",
        "unwritable": "The file %(file)s cannot be written. Name another one.",
    }


class CheckpointRefused(AuditError):
    """What should be a checkpoint of the log is none."""

    code = "checkpoint_refused"
    templates: ClassVar = {
        "unreadable": "The file %(file)s cannot be read. Name another one.",
        "no_checkpoint": N_(
            "The file is no checkpoint of a log. Name a file that `flask audit checkpoint` wrote."
        ),
    }


class DiskUnfit(SimsvcError):
    """There is too little room, or no right to write."""

    code = "disk_unfit"
    templates: ClassVar = {
        "disk": N_("The disk cannot be looked at. See whether it is mounted and readable."),
        "room": N_(
            "Only %(free_mb).0f MB are free where the service writes, fewer than the %(wanted_mb).0f MB of "
            "one upload. Make room, or move var and indexes to a larger disk."
        ),
        "permission": N_("The service may not write to %(names)s. Give its account the right to."),
    }


class BackupRefused(SimsvcError):
    """A back-up cannot be made, or not be put back."""

    code = "backup_refused"
    templates: ClassVar = {
        "name_taken": N_("There is something of that name already. Name a folder that is not there yet."),
        "damaged": N_("The back-up is damaged: %(problem)s. Take another one; nothing was changed."),
        "of_sqlite": N_("This back-up is of SQLite. Set DATABASE_URL to a file of SQLite."),
        "not_made": N_("The back-up could not be made: %(problem)s Nothing was left behind."),
        "newer": N_("The back-up was made by a newer version. Install that one, then restore."),
        "no_backup": N_("That folder is no back-up of simsvc. Name one that `flask backup create` made."),
        "not_restored": N_("The back-up could not be put back: %(problem)s%(left)s"),
        "of_postgresql": N_("This back-up is of PostgreSQL. Set DATABASE_URL to a PostgreSQL database."),
        "newer_simsvc": N_(
            "The back-up was made by a newer version of simsvc. Install that one, then restore."
        ),
        "in_the_way": N_(
            "There is something where the back-up would go. Stop the service, then add --replace: what is "
            "there is moved aside."
        ),
        "log": N_("The log in the back-up does not fit: %(problem)s"),
    }


class ResultsRefused(SimsvcError):
    """The table of many photos' results cannot be written."""

    code = "results_refused"
    templates: ClassVar = {
        "picture_name": N_("The picture is written as PNG. End the name of --plot with .png."),
        "picture": N_("The picture cannot be written (%(problem)s). Name a folder that can be written to."),
        "name": "Results are written as .csv or .parquet. End the name of --out with one of them.",
        "rerun": (
            "The results cannot be written (%(problem)s). Free some space, then run the same command again: "
            "nothing is judged twice."
        ),
        "parquet": (
            "Parquet needs PyArrow, which is not installed here. Install it with `pip install "
            "'simsvc[parquet]'`, or end the name of --out with .csv."
        ),
        "folder": (
            "The results cannot be written to %(folder)s (%(problem)s). Name another folder with --out, or "
            "correct its permissions."
        ),
        "resume": (
            "The results cannot be written (%(problem)s). Free some space, then run the same command again: "
            "it goes on."
        ),
        "running": "Another run is at work on %(name)s. Wait for it, or name another file with --out.",
        "other_run": (
            "%(name)s is of a run with another model, or recorded otherwise, so that going on with it would "
            "mix the two. Delete it to begin anew, or name another file with --out."
        ),
        "finished": (
            "%(name)s is there already, and nothing of it is left to do. Move it away to judge the photos "
            "once more, or name another file with --out."
        ),
    }


class SettingsError(SimsvcError):
    """A setting has a value that cannot be used."""

    code = "settings_invalid"
    templates: ClassVar = {
        "key_damaged": "The file of the session key is damaged. Delete it and start again.",
        "key_permission": (
            "The service's account may not read or write the file of the session key, %(folder)s/%(name)s. "
            "Make that account its owner and that of its folder (`chown`), or set SECRET_KEY."
        ),
        "key_unusable": (
            "The file of the session key cannot be read or written. Let the service write to the folder var, "
            "or set SECRET_KEY."
        ),
        "prior": (
            "%(setting)s cannot be understood at '%(wrong)s': it must be a span of ages such as 18-75, or "
            "pairs of age and weight such as 18:3, 19:4.5. Correct it and start again."
        ),
        "prior_outside": (
            "%(setting)s names the age %(age_years)s, but ages lie from 0 to %(oldest_years)s years. Correct "
            "it and start again."
        ),
        "prior_twice": "%(setting)s names the age %(age_years)s twice. Correct it and start again.",
        "prior_sum": (
            "%(setting)s sums to %(total)s: at least one age must have a weight. Correct it and start again."
        ),
        "prior_span": (
            "%(setting)s is '%(youngest)s-%(oldest)s', but must run from a younger to an older age within 0 "
            "to %(oldest_years)s years. Correct it and start again."
        ),
        "number": (
            "%(setting)s is %(text)r, but must be a whole number from %(least)s to %(most)s. Correct it in "
            "the environment and start again."
        ),
        "short_key": (
            "SECRET_KEY has fewer than %(least)s characters, so sessions could be forged. Set a long random "
            "one, or leave it out: one is made then."
        ),
        "photo_keys": (
            "SIMSVC_PHOTO_KEYS holds something that is no key. Print one with `flask retention new-key`; put "
            "commas between several."
        ),
        "photo_days": (
            "SIMSVC_PHOTO_DAYS asks for photos to be kept, but SIMSVC_PHOTO_KEYS has no key to encrypt them "
            "with. Print one with `SIMSVC_PHOTO_DAYS=0 flask retention new-key`."
        ),
        "choice": (
            "%(setting)s is %(text)r, but must be %(choices)s. Correct it in the environment and start again."
        ),
        "public_url": (
            "SIMSVC_PUBLIC_URL is %(text)r, but must begin with http:// or https://. "
            "Correct it in the environment and start again."
        ),
        "bind": (
            "SIMSVC_BIND is %(text)r, but must be an address and a port, such as 127.0.0.1:8000. "
            "Correct it in the environment and start again."
        ),
        "script_name": (
            "SCRIPT_NAME is %(text)r, but must be a path such as /age, of letters, digits and . _ ~ - only. "
            "Correct it in the environment and start again."
        ),
        "switch": (
            "%(setting)s is %(text)r, but must be 0 or 1. Correct it in the environment and start again."
        ),
        "rate": (
            "%(setting)s is %(text)r, but must read like '20 per minute'. "
            "Correct it in the environment and start again."
        ),
        "age_prior": (
            "SIMSVC_AGE_PRIOR is %(text)r, which is neither a span of ages such as 18-75, nor pairs of age "
            "and weight, nor a file that can be read. Correct it and start again."
        ),
        "rate_storage": N_(
            "SIMSVC_RATE_STORAGE names no storage that can be used here. Set it to memory://, or to such as "
            "redis://host with its client installed, and start again."
        ),
        "open_files": N_(
            "Other accounts of this machine have access to %(names)s%(others)s. Run `flask db upgrade`, "
            "which closes them; for those of another owner, run `chmod go= PATH` as that one."
        ),
        "open_key": N_("Others can read the file of the session key. Run `chmod 600 var/secret-key`."),
    }
