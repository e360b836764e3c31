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
    templates: ClassVar = {
        "elsewhere": N_(
            "Index build %(label)s is in service, but its files are not on this host. Copy its folder here, "
            "or keep builds where every host finds them (SIMSVC_OBJECTS)."
        ),
    }


class IndexDamaged(IndexUnusable):
    """The files of the index build do not match its manifest."""

    code = "index_damaged"
    templates: ClassVar = {
        "forest": N_(
            "The index %(label)s cannot be opened: faces.annoy does not match its manifest. Rebuild the "
            "index: `flask index build`."
        ),
        "table": N_(
            "The index %(label)s cannot be opened: faces.lance does not match its manifest. Rebuild the "
            "index: `flask index build`."
        ),
        "estimates": N_(
            "The estimates of index build %(label)s cannot be read. Rebuild the index: `flask index build`."
        ),
        "current": N_(
            "current.json in the index folder is not readable. Choose a build with `flask index use BUILD`; "
            "run `flask index list` to see all builds."
        ),
        "changes_unreadable": N_(
            "face-changes.txt in the index folder cannot be read. Correct its permissions, then try again."
        ),
        "faces": N_(
            "The faces of index build %(label)s cannot be read. Rebuild the index: `flask index build`."
        ),
        "moved": N_(
            "The folder %(parent)s/%(folder)s contains index build %(label)s. Move it to %(label)s, or "
            "rebuild the index: `flask index build`."
        ),
        "damaged": N_(
            "Index build %(label)s is damaged: %(problem)s. Choose another build with `flask index use "
            "BUILD`, or rebuild the index: `flask index build`."
        ),
        "no_manifest": N_(
            "Index build %(label)s has no readable manifest.json. Rebuild the index: `flask index build`."
        ),
        "changes": N_(
            "Line %(line)s of face-changes.txt in the index folder is damaged. Restore the file from a "
            "backup."
        ),
        "manifest_changed": N_(
            "The index build's manifest.json was changed after the build. Rebuild the index: `flask index "
            "build`."
        ),
        "manifest": N_(
            "The index build's manifest.json is not valid. Rebuild the index: `flask index build`."
        ),
        "manifest_replaced": N_(
            "Index build %(label)s is damaged: its manifest.json differs from the record. Restore the build "
            "from a backup."
        ),
    }


class IndexUnreadable(IndexUnusable):
    """The service account cannot read a file of the index."""

    code = "index_unreadable"
    template = N_(
        "The service account cannot read %(file)s of the index. Make it the owner of the index folder and "
        "everything in it (`chown -R`), then try again."
    )


class IndexNotServed(IndexUnusable):
    """The build named as the one in service is not what the log says."""

    code = "index_not_served"
    templates: ClassVar = {
        "not_logged": N_(
            "Index build %(label)s was put into service without simsvc: the log does not have it, so it is "
            "not used. Choose a build with `flask index use BUILD`, or rebuild the index: `flask index "
            "build`."
        ),
        "manifest": N_(
            "The manifest.json of index build %(label)s is not the one that was logged, so the build is not "
            "used. Restore it from a backup, or choose another build with `flask index use BUILD`."
        ),
        "not_switched": N_(
            "Index build %(label)s was put into service without simsvc: by the log, %(switched)s is in "
            "service. To use one of them, run `flask index use BUILD`."
        ),
        "changed": N_(
            "%(file)s of index build %(label)s was changed while it was in service, so the build is not "
            "used. Restore it from a backup, or choose another build with `flask index use BUILD`."
        ),
        "accept": N_(
            "The log does not have index build %(label)s, so it cannot go into service. If you copied it "
            "here yourself, run `flask index use %(label)s --accept`."
        ),
    }


class IndexModelMismatch(IndexUnusable):
    """The index was built with a different model from the one in service."""

    code = "index_model_mismatch"
    templates: ClassVar = {
        "distances": N_(
            "The index %(label)s was built with a different model (%(model)s) from the one in service, so "
            "its distances are meaningless. Rebuild it with the model in service: `flask index build`."
        ),
        "live_calibration": N_(
            "The site calibration of index %(label)s was fitted to a different model. Rebuild the index: "
            "`flask index build`."
        ),
        "calibration": N_(
            "The index build's site calibration and faces come from different models. Rebuild the index: "
            "`flask index build`."
        ),
        "switch": N_(
            "The index %(label)s was built with a different model (%(model)s) from the one in service "
            "(%(in_service)s). Rebuild it: `flask index build`."
        ),
    }


class BuildNotFound(IndexUnusable):
    """The index build does not exist."""

    code = "build_not_found"
    templates: ClassVar = {
        "several": N_("Several index builds match that. Use a name from `flask index list`."),
        "name": N_(
            "%(name)r is not a valid index name. Use 1 to 40 lower-case letters, digits, '-' and '_'."
        ),
        "unknown": N_("There is no such index build. Run `flask index list` to see all builds."),
        "not_listed": "The index build does not exist. See the list of indexes.",
    }


class BuildRunning(IndexUnusable):
    """Another index build is running in the same folder."""

    code = "build_running"
    template = N_(
        "Another index build is running in this folder. Wait until it has finished, then try again."
    )
    templates: ClassVar = {
        "elsewhere": N_(
            "Another index build is running on one of the hosts. Wait until it has finished, then try again."
        ),
    }


class IndexUnwritable(IndexUnusable):
    """The index folder cannot be written to."""

    code = "index_unwritable"
    template = N_(
        "The index folder is not writable (%(problem)s). Free some space or correct its permissions, then "
        "try again."
    )


class IndexUnreachable(IndexUnusable):
    """An index build cannot be fetched from the object store now."""

    code = "index_unreachable"
    template = N_("The index builds cannot be fetched now. %(problem)s")


class IndexTooLarge(IndexUnusable):
    """There is not enough memory for the index build."""

    code = "index_too_large"
    templates: ClassVar = {
        "memory": N_(
            "There is not enough memory to build an index of so many faces. Close other programs, or use a "
            "larger machine."
        ),
        "address_space": N_(
            "Index build %(label)s is %(size_mb).0f MB, more than this process can map. Raise its address "
            "space limit (`ulimit -v`, or the container's), or choose a smaller build with `flask index use "
            "BUILD`."
        ),
    }


class IndexEngineMissing(IndexUnusable):
    """The engine that searches the index build is not installed."""

    code = "index_engine_missing"
    template = N_(
        "Lance, which searches this index, is not installed. Install it with `pip install "
        "'simsvc[cluster]'`, or build an index without it: `flask index build --index annoy`."
    )


class IndexEngineUnfit(IndexUnusable):
    """The index library was compiled for another processor."""

    code = "index_engine_unfit"
    template = N_(
        "The Annoy index library was compiled for a different processor and does not run on this one. "
        "Compile it here: `pip install --force-reinstall --no-cache-dir --no-binary annoy annoy`."
    )
