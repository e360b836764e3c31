"""A photo, or the face in it, cannot be judged."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class PhotoError(SimsvcError):
    """The uploaded bytes are not a photo that can be read."""

    code = "photo_error"


class EmptyPhoto(PhotoError):
    """The photo file is empty."""

    code = "empty_photo"
    template = N_("The file is empty (0 bytes). Choose the photo again.")


class NotAnImage(PhotoError):
    """The file is not a known image format."""

    code = "not_an_image"
    template = N_("This file is not a photo. Choose a JPEG, PNG, HEIC, AVIF, WebP or TIFF file.")


class UnsupportedFormat(PhotoError):
    """The image or document format is not supported."""

    code = "unsupported_format"
    templates: ClassVar = {
        "raw": N_(
            "This file is %(kind)s: raw sensor data, not a photo. Export it as JPEG, or use the JPEG that "
            "the camera saved with it."
        ),
        "pieces": N_("This file has too many parts for a photo. Save it as JPEG or PNG and try again."),
        "not_yet": N_(
            "This file is %(kind)s, which is not supported yet. Save it as JPEG or PNG and try again."
        ),
        "bits": N_(
            "This JPEG uses a rare format with %(bits)s bits per colour. Save it as a standard JPEG or PNG "
            "and try again."
        ),
        "other": N_("This file is %(kind)s, which is not supported. Save it as JPEG or PNG and try again."),
        "rare_form": N_(
            "This file uses a rare form of %(format)s, which is supported only up to %(most_mb).0f MB. Save "
            "it as JPEG or PNG and try again."
        ),
    }


class TruncatedPhoto(PhotoError):
    """The image is damaged or incomplete."""

    code = "truncated_photo"
    templates: ClassVar = {
        "beginning": N_(
            "The start of the photo file is damaged, so it cannot be read. Save it as JPEG or PNG and try "
            "again."
        ),
        "begun": N_(
            "This file starts like a %(format)s photo, but it is damaged or in a rare format, so it cannot "
            "be read. Save it as JPEG or PNG and try again."
        ),
        "damaged": N_(
            "The photo is damaged and cannot be read completely. Save it as JPEG or PNG and try again."
        ),
        "incomplete": N_(
            "The photo is damaged or incomplete and cannot be read completely. Save it as JPEG or PNG and "
            "try again."
        ),
    }


class PhotoTooManyBytes(PhotoError):
    """The photo file is too large."""

    code = "photo_too_many_bytes"
    templates: ClassVar = {
        "file": (
            "The file is larger than %(most_mb).0f MB. Save a smaller copy, or crop it to the face, and try "
            "again."
        ),
        "upload": N_(
            "The upload is too large. The limit is %(most_mb).0f MB. Save a smaller copy of the photo, or "
            "crop it to the face, and try again."
        ),
        "in_batch": N_(
            "The photo file is too large. Save a smaller copy, or crop it to the face, and upload it again."
        ),
        "size": N_(
            "The file is %(size_mb).1f MB; the limit is %(most_mb).0f MB. Save a smaller copy, or crop it to "
            "the face, and try again."
        ),
    }


class PhotoTooManyPixels(PhotoError):
    """The photo has too many pixels."""

    code = "photo_too_many_pixels"
    templates: ClassVar = {
        "size": N_(
            "The photo has %(width_px)s x %(height_px)s pixels; the limit is %(most_mpx).0f megapixels. Save "
            "a smaller copy, or crop it to the face, and try again."
        ),
        "uncounted": N_(
            "The photo has too many pixels; the limit is %(most_mpx).0f megapixels. Save a smaller copy, or "
            "crop it to the face, and try again."
        ),
    }


class PhotoTooCostly(PhotoError):
    """Decoding the photo would take too much time or memory."""

    code = "photo_too_costly"
    templates: ClassVar = {
        "tiff_pieces": N_(
            "This TIFF is stored in tiles of %(width_px)s x %(height_px)s pixels with %(bits)s bits each, "
            "which would take %(needed_mb).0f MB of memory to decode. Save it as JPEG or PNG and try again."
        ),
        "limits": N_(
            "Decoding this photo takes too much time or memory. Save it as a standard JPEG, or save a "
            "smaller copy, and try again."
        ),
        "scans": N_(
            "This JPEG stores its %(width_px)s x %(height_px)s pixels in more than %(most)s scans, which "
            "would take too long to decode. Save it as a standard JPEG or PNG and try again."
        ),
        "passes": N_(
            "This JPEG is stored in several passes over %(colours)s colours, which would take "
            "%(needed_mb).0f MB of memory to decode. Save it as a standard JPEG or PNG and try again."
        ),
    }


class PhotoTooSmall(PhotoError):
    """The photo has too few pixels."""

    code = "photo_too_small"
    template = N_(
        "The photo has only %(width_px)s x %(height_px)s pixels, too few to estimate an age. Choose the "
        "original photo, not a thumbnail."
    )


class AnimatedPhoto(PhotoError):
    """The file has several frames."""

    code = "animated_photo"
    template = N_("The file contains several pictures. Save the one you need as JPEG or PNG and try again.")


class FaceError(SimsvcError):
    """A readable photo that does not show one usable face."""

    code = "face_error"


class NoFace(FaceError):
    """The detector found no face."""

    code = "no_face"
    template = N_(
        "No face was found. Use a photo that shows the applicant's face from the front, well lit and "
        "upright. If the face is small in the photo, crop the photo to the face."
    )


class SeveralFaces(FaceError):
    """Two or more faces have a similar size."""

    code = "several_faces"
    template = N_(
        "%(faces)s faces of similar size were found, so it is not clear which one is the applicant. Crop the "
        "photo to the applicant's face and try again."
    )


class FaceTooSmall(FaceError):
    """The face is too small."""

    code = "face_too_small"
    template = N_(
        "The face is only %(side_px).0f pixels across; at least %(least_px).0f are needed. Crop the original "
        "photo to the face, or use one taken closer."
    )


class DecoderMissing(SimsvcError):
    """The photo decoder cannot be started."""

    code = "decoder_missing"
    template = N_(
        "The photo decoder could not be started. Free memory and processes on the server, then try again."
    )
