"""Labelled photos cannot be read."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError


class SourceError(SimsvcError):
    """Labelled photos cannot be read."""

    code = "source_error"


class SourceUnknown(SourceError):
    """No reader of that name."""

    code = "source_unknown"
    templates: ClassVar = {
        "reader": "There is no source %(reader)r. Choose one of: %(readers)s.",
        "name": "%(name)r cannot name a data set. Use 1 to 40 lower-case letters, digits, '-' and '_'.",
    }


class SourceEmpty(SourceError):
    """The folder holds no labelled photo."""

    code = "source_empty"
    templates: ClassVar = {
        "no_photo": (
            "There is no photo at %(path)r. Name a photo, or a folder that holds photos.%(left_out)s"
        ),
        "no_name": (
            "The folder %(path)r holds no photo named as UTKFace names them, age_gender_race_datetime.jpg."
            "%(named)s Check that --source and --path belong together.%(left_out)s"
        ),
        "no_row": "%(problem)s",
        "no_folder": "The source %(name)r has no folder %(path)r. Name an existing one with --path.",
        "no_labels": "The folder %(path)r has no labels.csv. %(cure)s",
        "unusable": (
            "None of the %(photos)s photos could be used, so there is no index to build. Choose a folder of "
            "photos that each show one labelled face."
        ),
    }


class LabelsUnreadable(SourceError):
    """The file that holds the labels is missing, damaged or lacks a column."""

    code = "labels_unreadable"
    templates: ClassVar = {
        "table": "%(problem)s",
        "permission": (
            "The file labels.csv in %(path)r cannot be read (%(problem)s). Correct its permissions and try "
            "again."
        ),
        "columns": (
            "The label table has no column %(missing)s. Its first line must name the columns, at least: "
            "file,age. It names: %(named)s."
        ),
    }
