"""Reference faces cannot be imported in the browser."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class FaceImportError(SimsvcError):
    """Reference faces cannot be imported."""

    code = "face_import_error"


class ImportRefused(FaceImportError):
    """The upload has no usable reference faces, or a field of the form is not valid."""

    code = "import_refused"
    templates: ClassVar = {
        "nothing": N_(
            "No files were received. Choose a ZIP or a folder with photos and labels.csv, and upload it "
            "again."
        ),
        "no_photo": N_("None of the files is a photo. Choose photos that each show one face."),
        "no_labels": N_(
            "There is no labels.csv. Add a table with the columns file and age to the ZIP or folder, or "
            "choose it as a separate file, and upload everything again."
        ),
        "several_labels": N_(
            "There is more than one CSV, and none or several are called labels.csv. Put all labels into "
            "one file and upload everything again."
        ),
        "labels_size": N_("The label table is too large. Upload the right file."),
        "labels": N_("labels.csv cannot be read: %(problem)s"),
        "no_row": N_(
            "None of the rows of labels.csv can be used. Line %(line)s: %(problem)s. Correct the table "
            "and upload everything again."
        ),
        "empty_labels": N_("labels.csv has no row below its first line. Add one for each photo."),
        "no_match": N_(
            "None of the photos is listed in labels.csv. It lists, for example, “%(listed)s”; the upload "
            "has “%(found)s”. Correct the file names and upload everything again."
        ),
        "name": N_("Enter a name of 1 to 40 lower-case letters, digits, '-' and '_'."),
        "age": N_("Enter the age as a number from 0 to 130, such as 42 or 42.5."),
        "person": N_("The name of a person has at most 255 characters."),
        "date": N_("Enter the date of the photo as year, month and day, such as 2024-06-30."),
        "confirm": N_("Nothing was deleted. To delete the upload, tick the box and submit again."),
        "confirm_live": N_("Nothing was added. To add the faces, tick the box and submit again."),
        "built": N_("These photos have been used already. Upload them again to change anything."),
        "unused": N_("No usable photo is left. Add photos, or include some again."),
    }


class ImportTooLarge(FaceImportError):
    """The upload has too many photos or bytes, or too many uploads are unfinished."""

    code = "import_too_large"
    templates: ClassVar = {
        "photos": N_(
            "There are more than %(most)s photos. Upload fewer at once, or build the index on the server "
            "with `flask index build`."
        ),
        "bytes": N_(
            "The unpacked photos are larger than %(most_mb).0f MB. Upload fewer at once, or build the "
            "index on the server with `flask index build`."
        ),
        "upload": N_(
            "The upload is larger than %(most_mb).0f MB. Upload fewer photos at once, or build the index "
            "on the server with `flask index build`."
        ),
        "unfinished": N_(
            "There are already %(most)s unfinished uploads. Build an index from one of them, or delete "
            "one, then try again."
        ),
    }


class ImportNotFound(FaceImportError):
    """The upload does not exist."""

    code = "import_not_found"
    template = N_("This upload no longer exists. It was deleted or has expired. Upload the photos again.")


class ImportBusy(FaceImportError):
    """The upload is being checked or built."""

    code = "import_busy"
    template = N_("These photos are being processed. Wait until that has finished, then try again.")


class ImportInterrupted(FaceImportError):
    """Processing stopped half way."""

    code = "import_interrupted"
    templates: ClassVar = {
        "stopped": N_(
            "Processing stopped before it had finished. The index in service is unchanged. Continue, and "
            "finished photos are not processed again."
        ),
        "disk": N_(
            "The photos could not be processed (%(problem)s). The index in service is unchanged. Free some "
            "space on the server, then continue."
        ),
        "unexpected": N_(
            "Something went wrong while processing the photos. The index in service is unchanged. Try "
            "again. If the problem persists, tell the operator."
        ),
    }
