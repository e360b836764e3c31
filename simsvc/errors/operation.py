"""Settings, disk, back-ups, results and the log."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class AuditError(SimsvcError):
    """The audit log did not verify, or cannot be read."""

    code = "audit_error"
    templates: ClassVar = {
        "broken": "%(problem)s",
        "broken_often": "The log is not intact: %(count)s problems.",
        "broken_further": "The log is not intact: %(count)s problems. The first %(listed)s are named.",
        "empty": "The log is empty. Run `flask db upgrade` first.",
        "unwritable": "Cannot write %(file)s. Choose another file.",
        "wordless": "Say in a few words what is lost, for example: all estimates of 4 May after 10:00.",
    }


class CheckpointRefused(AuditError):
    """The file is not a log checkpoint."""

    code = "checkpoint_refused"
    templates: ClassVar = {
        "unreadable": "Cannot read %(file)s. Choose another file.",
        "no_checkpoint": N_(
            "The file is not a log checkpoint. Choose a file written by `flask audit checkpoint`."
        ),
    }


class NoteRefused(AuditError):
    """The text is not a note signed by a known key."""

    code = "note_refused"
    templates: ClassVar = {
        "malformed": "This is not a signed note (c2sp.org/signed-note).",
        "signature": (
            "The signature by the key %(key)s does not fit: the note was changed, or is not by this key."
        ),
        "ambiguous": "Two different keys are called %(key)s. Name only the one that you trust.",
        "unsigned": "None of the known keys signed this note.",
    }


class VerifierKeyRefused(AuditError):
    """The text is not a verifier key."""

    code = "verifier_key_refused"
    template = (
        "This is not a verifier key of the form name+id+key (c2sp.org/signed-note). Copy it as `flask audit "
        "key` prints it."
    )


class LogKeyRefused(AuditError):
    """The log cannot be signed: there is no key that may."""

    code = "log_key_refused"
    templates: ClassVar = {
        "missing": (
            "The log is not signed: the key file %(file)s is missing. Put it back; if it is lost, run `flask "
            "audit rotate-key --lost`."
        ),
        "unreadable": (
            "The log is not signed: %(file)s cannot be read or written (%(problem)s). Make the service "
            "account its owner, and the folder's."
        ),
        "damaged": (
            "The log is not signed: %(file)s holds no Ed25519 key (PKCS#8, PEM). Put the right file back; if "
            "it is lost, run `flask audit rotate-key --lost`."
        ),
        "wrong": (
            "The log is not signed: the key in %(file)s is not the one that signed it so far (%(wanted)s). "
            "Put the right file back; if it is lost, run `flask audit rotate-key --lost`."
        ),
        "origin": (
            "The log is not signed: SIMSVC_LOG_ORIGIN is %(wanted)s, but this log is signed as %(origin)s. "
            "Unset it, or set it to that."
        ),
        "state": (
            "The log is not signed: %(file)s, which says what was signed last, is damaged. Restore it from a "
            "copy; if there is none, delete it, and compare the log with its witnesses."
        ),
        "busy": "Another process is signing the log. Try again in a moment.",
        "unforeseen": "The log is not signed: see the server's log.",
    }


class LogDiffers(AuditError):
    """The log is not what was signed, so nothing more is signed."""

    code = "log_differs"
    templates: ClassVar = {
        "tail_cut": (
            "The end of the log was cut off: it has %(found)s events, but a tree of %(size)s events was made."
        ),
        "rolled_back": (
            "The log has no tree of %(size)s events with the root hash that %(source)s says: events were cut "
            "off its end, or the database was rolled back, for example by a restore. After a restore of a "
            "backup, run `flask audit acknowledge-restore`, or, if another host has acknowledged it, copy "
            "log-state.json from the folder of that host's log key."
        ),
        "rewritten": (
            "The first %(size)s events have another root hash than %(source)s says: the log was rewritten."
        ),
        "changed": "Event %(seq)s is not the one that the tree was made with: it was changed or replaced.",
        "missing": "Event %(seq)s is missing from the log.",
        "unhashable": "Event %(seq)s holds what simsvc never stores, so that the tree cannot be made.",
        "tiles": (
            "The tree in the table log_tiles is damaged. Run `flask audit verify`, and, if nothing else is "
            "wrong, `flask audit rebuild-tree`."
        ),
    }


class ProofRefused(AuditError):
    """The tree has no such proof."""

    code = "proof_refused"
    templates: ClassVar = {
        "not_covered": N_(
            "Event %(seq)s is not in the tree of %(size)s events. New events are covered by the next "
            "checkpoint, within a minute."
        ),
        "no_checkpoint": N_("There is no checkpoint yet. The first one is made when the service starts."),
        "no_tree": N_("There is no checkpoint of %(size)s events."),
        "order": N_("The older tree must be the smaller one."),
        "no_tile": N_("The tree has no such tile."),
    }


class CheckpointMissing(AuditError):
    """No verified log to write a checkpoint of."""

    code = "checkpoint_missing"
    template = N_(
        "There is no checkpoint: the log has not been verified yet, or is not intact. Verify it first."
    )


class VerificationRefused(AuditError):
    """The log is being verified, or was a moment ago."""

    code = "verification_refused"
    templates: ClassVar = {
        "running": N_("The log is already being verified. Wait until that has finished."),
        "recent": N_("The log was verified moments ago. Try again in %(seconds)s seconds."),
    }


class EvidenceRefused(AuditError):
    """No evidence can be taken."""

    code = "evidence_refused"
    templates: ClassVar = {
        "too_many": N_(
            "There are more than %(most)s records. Take evidence of single records with `flask audit "
            "evidence --record ID`."
        ),
        "second_opinion": N_(
            "You are asked for a second opinion on a record of this case, so you cannot see earlier "
            "decisions yet. Decide first, then take evidence."
        ),
    }


class ReportCodeRefused(AuditError):
    """The text is not a verification code of a report, or the log does not have it."""

    code = "report_code_refused"
    templates: ClassVar = {
        "form": N_(
            "This is not a verification code. Type it as it is printed at the foot of the report: two "
            "numbers, each followed by 16 letters and digits."
        ),
        "unknown": (
            "The log does not have what this code names: the report was not made from this log, or the code "
            "was mistyped."
        ),
        "altered": (
            "The log has these events, but the record was changed after it was logged. Run `flask audit "
            "verify`."
        ),
    }


class DiskUnfit(SimsvcError):
    """There is too little disk space, or the service cannot write."""

    code = "disk_unfit"
    templates: ClassVar = {
        "disk": N_("The disk cannot be checked. Make sure it is mounted and readable."),
        "room": N_(
            "Only %(free_mb).0f MB are free where the service writes, less than the %(wanted_mb).0f MB limit "
            "of one upload. Free some space, or move var and indexes to a larger disk."
        ),
        "permission": N_("The service cannot write to %(names)s. Give its account write permission."),
    }


class BackupRefused(SimsvcError):
    """A backup cannot be created or restored."""

    code = "backup_refused"
    templates: ClassVar = {
        "name_taken": N_("That name is already taken. Choose a folder that does not exist yet."),
        "damaged": N_("The backup is damaged: %(problem)s. Use another one; nothing was changed."),
        "of_sqlite": N_("This backup is of a SQLite database. Set DATABASE_URL to a SQLite file."),
        "not_made": N_("The backup could not be created: %(problem)s No files were left behind."),
        "newer": N_("The backup was made by a newer version. Install that version, then restore."),
        "no_backup": N_("That folder is not a simsvc backup. Choose one made by `flask backup create`."),
        "not_restored": N_("The backup could not be restored: %(problem)s%(left)s"),
        "of_postgresql": N_(
            "This backup is of a PostgreSQL database. Set DATABASE_URL to a PostgreSQL database."
        ),
        "newer_simsvc": N_(
            "The backup was made by a newer version of simsvc. Install that version, then restore."
        ),
        "in_the_way": N_(
            "There is already data where the backup would be restored. Stop the service and add --replace; "
            "the existing data is moved aside."
        ),
        "in_use": N_(
            "The service or a batch worker is running. Stop the service and its batch workers, then run this "
            "again; nothing was changed."
        ),
        "hosts_run": N_(
            "These hosts still run on the database: %(names)s. Stop the service and the batch workers there, "
            "wait half a minute, then run this again; nothing was changed."
        ),
        "log": N_("The log in the backup does not verify: %(problem)s"),
    }


class ResultsRefused(SimsvcError):
    """The results cannot be written."""

    code = "results_refused"
    templates: ClassVar = {
        "picture_name": N_("The plot is saved as PNG. Use a file name that ends in .png for --plot."),
        "picture": N_("The plot cannot be saved (%(problem)s). Choose a writable folder."),
        "name": (
            "Results are saved as CSV or Parquet. Use a file name that ends in .csv or .parquet for --out."
        ),
        "rerun": (
            "Cannot write results (%(problem)s). Free some space, then run the same command again; finished "
            "photos are not repeated."
        ),
        "parquet": (
            "Parquet needs PyArrow, which is not installed. Install it with `pip install 'simsvc[parquet]'`, "
            "or use a .csv file for --out."
        ),
        "folder": (
            "Cannot write results to %(folder)s (%(problem)s). Choose another folder with --out, or correct "
            "its permissions."
        ),
        "resume": (
            "Cannot write results (%(problem)s). Free some space, then run the same command again to resume."
        ),
        "running": (
            "Another run is writing %(name)s. Wait until it has finished, or choose another file with --out."
        ),
        "other_run": (
            "%(name)s belongs to a run with a different model or recording option. Delete it to start again, "
            "or choose another file with --out."
        ),
        "finished": (
            "%(name)s already exists and is complete. Move it away to estimate the photos again, or choose "
            "another file with --out."
        ),
    }


class DeliveryFailed(SimsvcError):
    """A notification could not be delivered."""

    code = "delivery_failed"
    templates: ClassVar = {
        "unreachable": N_("The receiver cannot be reached (%(problem)s)."),
        "status": N_("The receiver answered with HTTP status %(status)s."),
        "recipient": N_("The mail cannot be delivered: %(problem)s."),
        "no_tls": N_(
            "The mail server offers no TLS, so the password was not sent. Use smtps:// or a server with "
            "STARTTLS."
        ),
        "not_set_up": N_("The channel %(channel)s is no longer set up."),
    }


class SettingsError(SimsvcError):
    """A setting has a value that cannot be used."""

    code = "settings_invalid"
    templates: ClassVar = {
        "key_damaged": "The session key file is damaged. Delete it and restart.",
        "key_permission": (
            "The service account cannot read or write the session key file %(folder)s/%(name)s. Make it the "
            "owner of the file and its folder (`chown`), or set SECRET_KEY."
        ),
        "key_unusable": (
            "The session key file cannot be read or written. Give the service write permission for the "
            "folder var, or set SECRET_KEY."
        ),
        "prior": (
            "%(setting)s is not valid at '%(wrong)s'. Use a span of ages such as 18-75, or pairs of age and "
            "weight such as 18:3, 19:4.5, and restart."
        ),
        "prior_outside": (
            "%(setting)s has the age %(age_years)s, but ages must be from 0 to %(oldest_years)s years. "
            "Correct it and restart."
        ),
        "prior_twice": "%(setting)s has the age %(age_years)s twice. Correct it and restart.",
        "prior_sum": (
            "The weights of %(setting)s sum to %(total)s. At least one age must have a positive weight. "
            "Correct it and restart."
        ),
        "prior_span": (
            "%(setting)s is '%(youngest)s-%(oldest)s', but must go from a lower to a higher age within 0 to "
            "%(oldest_years)s years. Correct it and restart."
        ),
        "number": (
            "%(setting)s is %(text)r, but must be a whole number from %(least)s to %(most)s. Correct it and "
            "restart."
        ),
        "short_key": (
            "SECRET_KEY has fewer than %(least)s characters, so sessions could be forged. Set a long random "
            "key, or unset it to have one created."
        ),
        "log_origin": (
            "SIMSVC_LOG_ORIGIN is %(text)r, but the name of a log has no spaces and no plus sign. Correct it "
            "and restart."
        ),
        "photo_keys": (
            "SIMSVC_PHOTO_KEYS has a value that is not a key. Create keys with `flask retention new-key` and "
            "separate several with commas."
        ),
        "photo_days": (
            "SIMSVC_PHOTO_DAYS is set, but SIMSVC_PHOTO_KEYS has no key to encrypt photos with. Create one "
            "with `SIMSVC_PHOTO_DAYS=0 flask retention new-key`."
        ),
        "webhook_url": (
            "SIMSVC_WEBHOOK_URL is not an address that begins with http:// or https://. Correct it and "
            "restart."
        ),
        "webhook_secret": (
            "SIMSVC_WEBHOOK_SECRET has fewer than %(least)s characters, so notifications could be forged. "
            "Set a long random one and restart."
        ),
        "webhook_unsigned": (
            "SIMSVC_WEBHOOK_URL is set, but SIMSVC_WEBHOOK_SECRET is not. Set a long random one, which the "
            "receiver checks signatures with, and restart."
        ),
        "smtp_url": (
            "SIMSVC_SMTP_URL is not an address such as smtp://user:password@mail.example:587 or "
            "smtps://mail.example. Correct it and restart."
        ),
        "mail_from": (
            "SIMSVC_MAIL_FROM is not a mail address, but mails need a sender. Correct it and restart."
        ),
        "witness": (
            "Address %(number)s in SIMSVC_WITNESSES cannot be used. Use file:/path, https://..., "
            "syslog://host:port, s3://bucket/prefix or witness+https://host/#vkey, and restart."
        ),
        "witness_required": (
            "SIMSVC_WITNESS_REQUIRED is 1, but SIMSVC_WITNESSES is not set. Set it and restart."
        ),
        "objects": (
            "SIMSVC_OBJECTS is not an address such as s3://bucket/prefix or file:///folder. Correct it and "
            "restart."
        ),
        "objects_endpoint": (
            "SIMSVC_OBJECTS_ENDPOINT is not an address that begins with http:// or https://, without a "
            "password. Correct it and restart."
        ),
        "event_stream": (
            "SIMSVC_EVENT_STREAM is not an address that begins with syslog://, syslog+tls://, syslog+udp://, "
            "http:// or https://. Correct it and restart."
        ),
        "event_stream_secret": (
            "SIMSVC_EVENT_STREAM_SECRET has fewer than %(least)s characters, so events could be forged. Set "
            "a long random one and restart."
        ),
        "event_stream_unsigned": (
            "SIMSVC_EVENT_STREAM is a webhook, but SIMSVC_EVENT_STREAM_SECRET is not set. Set a long random "
            "one, which the receiver checks signatures with, and restart."
        ),
        "choice": ("%(setting)s is %(text)r, but must be %(choices)s. Correct it and restart."),
        "public_url": (
            "SIMSVC_PUBLIC_URL is %(text)r, but must begin with http:// or https://. Correct it and restart."
        ),
        "bind": (
            "SIMSVC_BIND is %(text)r, but must be an address and a port, such as 127.0.0.1:8000. Correct it "
            "and restart."
        ),
        "script_name": (
            "SCRIPT_NAME is %(text)r, but must be a path such as /age, of letters, digits and . _ ~ - only. "
            "Correct it and restart."
        ),
        "switch": ("%(setting)s is %(text)r, but must be 0 or 1. Correct it and restart."),
        "rate": ("%(setting)s is %(text)r, but must read like '20 per minute'. Correct it and restart."),
        "oidc_issuer": (
            "SIMSVC_OIDC_ISSUER is %(text)r, but must be an address that begins with https://, without "
            "query. Correct it and restart."
        ),
        "oidc_client": (
            "SIMSVC_OIDC_ISSUER is set, but SIMSVC_OIDC_CLIENT_ID is not. Register simsvc at the provider, "
            "set the ID it gives, and restart."
        ),
        "oidc_roles": (
            "SIMSVC_OIDC_ROLES is %(text)r, but must be pairs such as age-desk=underwriter, with one of the "
            "roles %(roles)s. Correct it and restart."
        ),
        "oidc_created": (
            "SIMSVC_OIDC_ACCOUNTS is created, but SIMSVC_OIDC_ROLE_CLAIM does not say which claim gives the "
            "role. Set it and restart."
        ),
        "no_sign_in": (
            "SIMSVC_PASSWORD_SIGN_IN is 0, but SIMSVC_OIDC_ISSUER is not set, so nobody could sign in. Set "
            "one of them and restart."
        ),
        "age_prior": (
            "SIMSVC_AGE_PRIOR is %(text)r, which is neither a span of ages such as 18-75, nor pairs of age "
            "and weight, nor a file that can be read. Correct it and restart."
        ),
        "rate_storage": N_(
            "The storage in SIMSVC_RATE_STORAGE is not available. Set it to memory://, or to a server such "
            "as redis://host with its client installed, then restart."
        ),
        "open_files": N_(
            "Other accounts on this machine can access %(names)s%(others)s. Run `flask db upgrade` to "
            "restrict access. For files of another owner, run `chmod go= PATH` as that owner."
        ),
        "open_key": N_("Other accounts can read the session key file. Run `chmod 600 var/secret-key`."),
    }


class HostRefused(SimsvcError):
    """This host may not answer beside the others that share its database."""

    code = "host_refused"
    templates: ClassVar = {
        "version": N_(
            "Host %(host)s runs simsvc %(version)s, but %(other)s runs %(other_version)s with the same "
            "database. Upgrade both to one version; until then %(host)s makes no estimates."
        ),
        "model": N_(
            "The model of host %(host)s differs from that of %(other)s, which was there first. Give both the "
            "same model; until then %(host)s makes no estimates."
        ),
        "key": N_(
            "Host %(host)s signs sessions with another key than %(other)s. Set SECRET_KEY to the same "
            "value on all hosts; until then %(host)s makes no estimates."
        ),
        "clock": N_(
            "The clock of host %(host)s differs from the database's by %(seconds)s seconds. Synchronise both "
            "(NTP); until then %(host)s makes no estimates."
        ),
    }
