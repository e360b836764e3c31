"""Reference photos cannot be read."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class SourceError(SimsvcError):
    """Reference photos cannot be read."""

    code = "source_error"


class SourceUnknown(SourceError):
    """The source is unknown."""

    code = "source_unknown"
    templates: ClassVar = {
        "reader": "Unknown source %(reader)r. Choose one of: %(readers)s.",
        "name": N_(
            "%(name)r is not a valid data set name. Use 1 to 40 lower-case letters, digits, '-' and '_'."
        ),
    }


class SourceEmpty(SourceError):
    """The folder has no usable photo."""

    code = "source_empty"
    templates: ClassVar = {
        "no_photo": (
            "No photo found at %(path)r. Name a photo, or a folder that contains photos.%(left_out)s"
        ),
        "no_name": (
            "The folder %(path)r contains no photos named like UTKFace "
            "(age_gender_race_datetime.jpg).%(named)s Check that --source and --path match.%(left_out)s"
        ),
        "no_row": "%(problem)s",
        "no_folder": (
            "The folder %(path)r of source %(name)r does not exist. Choose an existing folder with --path."
        ),
        "no_labels": "The folder %(path)r has no labels.csv. %(cure)s",
        "unusable": N_(
            "None of the %(photos)s photos could be used, so no index was built. Choose a folder of photos "
            "that each show one face."
        ),
    }


class LabelsUnreadable(SourceError):
    """The label file is missing, damaged or has no such column."""

    code = "labels_unreadable"
    templates: ClassVar = {
        "table": "%(problem)s",
        "permission": (
            "The file labels.csv in %(path)r cannot be read (%(problem)s). Correct its permissions and try "
            "again."
        ),
        "columns": N_(
            "The label table has no column %(missing)s. The first line must name at least the columns file "
            "and age. It names: %(named)s."
        ),
    }
