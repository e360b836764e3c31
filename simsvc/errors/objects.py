"""The object store that several hosts share, and its copies on the local disk."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class ObjectError(SimsvcError):
    """The object store does not do what is asked of it."""

    code = "object_error"


class ObjectsUnavailable(ObjectError):
    """The object store does not answer; trying again may help."""

    code = "objects_unavailable"
    templates: ClassVar = {
        "unreachable": N_(
            "The object store %(store)s cannot be reached. Try again in a minute. If "
            "the problem persists, tell the operator."
        ),
        "tls": N_(
            "The TLS connection to the object store %(store)s failed. If your own authority signed its "
            "certificate, set AWS_CA_BUNDLE to a file with that authority's certificate, then restart."
        ),
        "slow": N_(
            "The object store %(store)s did not answer in time. Try again in a minute. "
            "If the problem persists, tell the operator."
        ),
        "cut": N_(
            "The connection to the object store %(store)s was cut off in the middle of %(object)s, which was "
            "not used. Try again in a minute."
        ),
        "failed": N_(
            "The object store %(store)s reports a problem (%(problem)s). Try again in a "
            "minute. If the problem persists, tell the operator."
        ),
    }


class ObjectsRefused(ObjectsUnavailable):
    """The object store cannot be used as it is set up; trying again does not help."""

    code = "objects_refused"
    templates: ClassVar = {
        "credentials": N_(
            "The object store %(store)s does not accept the credentials. Correct AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, then restart."
        ),
        "permission": N_(
            "The credentials may not %(action)s in the object store %(store)s. Allow them to list, read, "
            "write and delete objects there, then try again."
        ),
        "bucket": N_(
            "The bucket of the object store %(store)s does not exist. Create it, or correct SIMSVC_OBJECTS."
        ),
        "full": N_("The disk of the object store %(store)s is full. Free some space, then try again."),
        "key": "%(key)r is not the name of an object: names have no empty parts, no dots alone and no "
        "backslashes.",
        "extra": "SIMSVC_OBJECTS is an address that begins with s3://, but the client for S3 is not "
        "installed. Run `pip install 'simsvc[cluster]'`.",
        "versioned": N_(
            "The object store %(store)s keeps earlier versions of objects, so erased data would remain "
            "there. Switch versioning off for the bucket, and delete the earlier versions."
        ),
    }


class ObjectMissing(ObjectError):
    """There is no object of this name."""

    code = "object_missing"
    template = N_("The object store %(store)s does not have %(object)s.")


class CacheUnwritable(ObjectsUnavailable):
    """What was fetched from the object store cannot be kept on the local disk."""

    code = "cache_unwritable"
    templates: ClassVar = {
        "failed": N_(
            "The cache folder is not writable (%(problem)s). Free some space or correct the permissions of "
            "SIMSVC_CACHE_DIR, then try again."
        ),
        "room": N_(
            "The disk of the cache folder has %(free_mb).0f MB left, but %(wanted_mb).0f MB are needed. Free "
            "some space, or set SIMSVC_CACHE_DIR to a larger disk."
        ),
    }
