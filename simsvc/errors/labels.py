"""Labelled photos cannot be read."""

from __future__ import annotations

from simsvc.errors.base import SimsvcError


class SourceError(SimsvcError):
    """Labelled photos cannot be read."""

    code = "source_error"


class SourceUnknown(SourceError):
    """No reader of that name."""

    code = "source_unknown"


class SourceEmpty(SourceError):
    """The folder holds no labelled photo."""

    code = "source_empty"


class LabelsUnreadable(SourceError):
    """The file that holds the labels is missing, damaged or lacks a column."""

    code = "labels_unreadable"
