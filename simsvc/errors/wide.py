"""Work on several hosts cannot be done, or photos cannot be read from an object store."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError


class WideError(SimsvcError):
    """Work cannot be done on several hosts."""

    code = "wide_error"


class RayMissing(WideError):
    """Ray is not installed."""

    code = "ray_missing"
    template = "Ray is not installed. Install it with `pip install 'simsvc[cluster]'`, or leave out --ray."


class RayUnreachable(WideError):
    """There is no usable Ray cluster at the address."""

    code = "ray_unreachable"
    templates: ClassVar = {
        "address": (
            "%(address)r is not the address of a Ray cluster. Give host:port as `ray start --head` prints it."
        ),
        "silent": (
            "No Ray cluster answers at %(address)s (%(problem)s). Check the address, and that the head runs: "
            "`ray status --address %(address)s`."
        ),
        "version": (
            "The Ray cluster at %(address)s runs other versions than this host: %(problem)s. Install the "
            "same versions of Ray and Python on every host."
        ),
        "empty": (
            "The Ray cluster at %(address)s has no %(what)s. Start a node: `ray start --address %(address)s`."
        ),
    }


class HostUnfit(WideError):
    """A host of the cluster cannot do the work as this one would."""

    code = "host_unfit"
    templates: ClassVar = {
        "model_missing": (
            "The host %(host)s does not have the model %(wanted)s. Copy its bundle folder there, under the "
            "same path, or name it by SIMSVC_BUNDLE_DIR when starting Ray there."
        ),
        "model": (
            "The host %(host)s has the model %(found)s instead of %(wanted)s. Copy the bundle folder there, "
            "and run the command again; what is done is kept."
        ),
        "engine": (
            "The host %(host)s runs the model by %(found)s, but this one by %(wanted)s, so results would "
            "differ. Use hosts with the same kind of processor, and the same engine."
        ),
        "version": (
            "The host %(host)s has simsvc %(found)s, but this one %(wanted)s. Install the same version on "
            "every host."
        ),
        "photos": (
            "The host %(host)s cannot read %(photo)s, but this one can. Mount the folder under the same path "
            "on every host, or use an object store."
        ),
        "problem": "The host %(host)s cannot do the work: %(problem)s",
    }


class WideFailed(WideError):
    """The cluster failed while it was at work."""

    code = "wide_failed"
    template = (
        "The Ray cluster failed: %(problem)s. When it is in order, run the command again: what is done is "
        "kept."
    )


class RemotePhotosUnavailable(SimsvcError):
    """Photos in an object store cannot be listed or read."""

    code = "remote_photos_unavailable"
    templates: ClassVar = {
        "extra": (
            "Photos in an object store need further packages (%(problem)s). Install them with `pip install "
            "'simsvc[cluster]'`."
        ),
        "scheme": "%(url)s cannot be read: use a folder, or s3://bucket/prefix.",
        "store": (
            "%(url)s cannot be read: %(problem)s. Check it, and the credentials in AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL; then run the command again: what is done is kept."
        ),
    }
