"""The index cannot be used."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class IndexUnusable(SimsvcError):
    """The similarity index cannot be used."""

    code = "index_error"


class IndexMissing(IndexUnusable):
    """There is no index in service."""

    code = "index_missing"
    template = N_("There is no index yet. Build one: `flask index build`.")


class IndexDamaged(IndexUnusable):
    """The build's files and its manifest disagree."""

    code = "index_damaged"
    templates: ClassVar = {
        "forest": N_(
            "The index %(label)s cannot be opened: faces.annoy does not hold what its manifest states. Build "
            "the index again: `flask index build`."
        ),
        "estimates": N_(
            "The estimates of the index build %(label)s cannot be read. Build the index again: `flask index "
            "build`."
        ),
        "current": N_(
            "current.json in the index folder cannot be understood. Choose a build with `flask index use "
            "BUILD`; `flask index list` shows them."
        ),
        "changes_unreadable": N_(
            "face-changes.txt in the index folder cannot be read. Correct its permissions, then try again."
        ),
        "faces": N_(
            "The faces of the index build %(label)s cannot be read. Build the index again: `flask index "
            "build`."
        ),
        "moved": N_(
            "The folder %(parent)s/%(folder)s holds the index build %(label)s. Move it to %(label)s, or "
            "build the index again: `flask index build`."
        ),
        "damaged": N_(
            "The index build %(label)s is damaged: %(problem)s. Choose another build with `flask index use "
            "BUILD`, or build the index again: `flask index build`."
        ),
        "no_manifest": N_(
            "The index build %(label)s has no readable manifest.json. Build the index again: `flask index "
            "build`."
        ),
        "changes": N_(
            "Line %(line)s of face-changes.txt in the index folder is damaged. Put the file back from a "
            "back-up."
        ),
        "manifest_changed": N_(
            "The index build's manifest.json was changed after the build. Build the index again: `flask "
            "index build`."
        ),
        "manifest": N_(
            "The index build's manifest.json cannot be understood. Build the index again: `flask index "
            "build`."
        ),
        "manifest_replaced": (
            "The index build %(label)s is damaged: its manifest.json is not the one on record. Put the build "
            "back from a back-up."
        ),
    }


class IndexUnreadable(IndexUnusable):
    """The account of this process may not read a file of the index."""

    code = "index_unreadable"
    template = N_(
        "The service's account may not read %(file)s of the index. Make that account the owner of the index "
        "folder and of all in it (`chown -R`), and try again."
    )


class IndexModelMismatch(IndexUnusable):
    """The index was built with another model than the one in service."""

    code = "index_model_mismatch"
    templates: ClassVar = {
        "distances": N_(
            "The index %(label)s was built with another model (%(model)s) than the one in service, so its "
            "distances would mean nothing. Build it again with the model in service: `flask index build`."
        ),
        "live_calibration": N_(
            "The site calibration of the index %(label)s was fitted to another model. Build the index again: "
            "`flask index build`."
        ),
        "calibration": N_(
            "The index build's site calibration was fitted to another model than its faces were. Build the "
            "index again: `flask index build`."
        ),
        "switch": N_(
            "The index %(label)s was built with another model (%(model)s) than the one in service "
            "(%(in_service)s). Build it again: `flask index build`."
        ),
    }


class BuildNotFound(IndexUnusable):
    """No build of that name lies in the index folder."""

    code = "build_not_found"
    templates: ClassVar = {
        "named": N_("%(problem)s. Name one as `flask index list` shows it."),
        "name": N_("%(name)r cannot name an index. Use 1 to 40 lower-case letters, digits, '-' and '_'."),
        "unknown": N_("There is no such index build. `flask index list` shows those that exist."),
        "not_listed": "There is no such index build. Read the list of indexes.",
    }


class BuildRunning(IndexUnusable):
    """Another index build is at work in the same folder."""

    code = "build_running"
    template = N_(
        "Another index build is at work in this folder. Wait until it has finished, then start again."
    )


class IndexUnwritable(IndexUnusable):
    """The index folder cannot be written to."""

    code = "index_unwritable"
    template = N_(
        "The index folder cannot be written to (%(problem)s). Free some space, or correct its permissions, "
        "then start again."
    )


class IndexTooLarge(IndexUnusable):
    """The process may not map the build's files, or has no memory to make them."""

    code = "index_too_large"
    templates: ClassVar = {
        "memory": N_(
            "There is too little memory to build an index of so many faces. End other programs, or build it "
            "on a larger machine."
        ),
        "address_space": N_(
            "The index build %(label)s has %(size_mb).0f MB, more than this process may map. Raise its limit "
            "of address space (`ulimit -v`, or that of its container), or choose a smaller build with `flask "
            "index use BUILD`."
        ),
    }


class IndexEngineUnfit(IndexUnusable):
    """The index library was compiled for another processor."""

    code = "index_engine_unfit"
    template = N_(
        "The index library Annoy does not run on this processor: it was compiled for another one. Compile it "
        "here: `pip install --force-reinstall --no-cache-dir --no-binary annoy annoy`."
    )
