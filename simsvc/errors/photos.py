"""A photo, or the face in it, cannot be judged."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class PhotoError(SimsvcError):
    """The uploaded bytes are not a photo that can be read."""

    code = "photo_error"


class EmptyPhoto(PhotoError):
    """Zero bytes were uploaded."""

    code = "empty_photo"
    template = N_("The file is empty (0 bytes). Choose the photo again.")


class NotAnImage(PhotoError):
    """The bytes are of no image format known here."""

    code = "not_an_image"
    template = N_("This file is not a photo. Choose a JPEG, PNG, HEIC, AVIF, WebP or TIFF file.")


class UnsupportedFormat(PhotoError):
    """An image or document, but of a format that is not accepted."""

    code = "unsupported_format"
    templates: ClassVar = {
        "raw": N_(
            "This file is %(kind)s: what the camera's sensor saw, not a photo yet. Export it as JPEG, or "
            "send the JPEG that the camera saved with it."
        ),
        "pieces": N_(
            "This file is built of too many small pieces for a photo. Save it as JPEG or PNG and try again."
        ),
        "not_yet": N_(
            "This file is %(kind)s, which is not accepted yet. Save it as JPEG or PNG and try again."
        ),
        "bits": N_(
            "This JPEG is stored in a rare form, with %(bits)s bits for a colour. Save it as JPEG or PNG and "
            "try again."
        ),
        "other": N_("This file is %(kind)s, which is not accepted. Save it as JPEG or PNG and try again."),
        "rare_form": N_(
            "This file is stored in a rare form of %(format)s, accepted up to %(most_mb).0f MB only. Save it "
            "as JPEG or PNG and try again."
        ),
    }


class TruncatedPhoto(PhotoError):
    """An image whose pixels cannot all be read."""

    code = "truncated_photo"
    templates: ClassVar = {
        "beginning": N_(
            "The photo's beginning is damaged, so it cannot be read. Save it as JPEG or PNG and try again."
        ),
        "begun": N_(
            "This file begins as a %(format)s photo, but is damaged or of a rare form, so it cannot be read. "
            "Save it as JPEG or PNG and try again."
        ),
        "damaged": N_(
            "The photo is damaged, so it cannot be read to its end. Save it as JPEG or PNG and try again."
        ),
        "incomplete": N_(
            "The photo is damaged or incomplete, so it cannot be read to its end. Save it as JPEG or PNG and "
            "try again."
        ),
    }


class PhotoTooManyBytes(PhotoError):
    """More bytes than the limit."""

    code = "photo_too_many_bytes"
    templates: ClassVar = {
        "file": (
            "The file has more than %(most_mb).0f MB. Save a smaller copy, or crop it to the face, and try "
            "again."
        ),
        "upload": N_(
            "The upload is too large: at most %(most_mb).0f MB are accepted. Save a smaller copy of the "
            "photo, or crop it to the face, and try again."
        ),
        "in_batch": N_(
            "The photo has more bytes than are accepted. Save a smaller copy, or crop it to the face, and "
            "send it again."
        ),
        "size": N_(
            "The file has %(size_mb).1f MB; at most %(most_mb).0f MB are accepted. Save a smaller copy, or "
            "crop it to the face, and try again."
        ),
    }


class PhotoTooManyPixels(PhotoError):
    """More pixels than the limit, whatever the file's size."""

    code = "photo_too_many_pixels"
    templates: ClassVar = {
        "size": N_(
            "The photo has %(width_px)s x %(height_px)s pixels; at most %(most_mpx).0f megapixels are "
            "accepted. Save a smaller copy, or crop it to the face, and try again."
        ),
        "uncounted": N_(
            "The photo has too many pixels; at most %(most_mpx).0f megapixels are accepted. Save a smaller "
            "copy, or crop it to the face, and try again."
        ),
    }


class PhotoTooCostly(PhotoError):
    """Decoding would take more time or memory than the limit, whatever the number of pixels."""

    code = "photo_too_costly"
    templates: ClassVar = {
        "tiff_pieces": N_(
            "This TIFF is stored in pieces of %(width_px)s x %(height_px)s pixels of %(bits)s bits: decoding "
            "it would take %(needed_mb).0f MB of memory. Save it as JPEG or PNG and try again."
        ),
        "limits": N_(
            "Decoding this photo takes more time or memory than is allowed for one. Save it as an ordinary "
            "JPEG, or save a smaller copy, and try again."
        ),
        "scans": N_(
            "This JPEG goes over its %(width_px)s x %(height_px)s pixels more than %(most)s times, which "
            "would take too long to decode. Save it as JPEG or PNG and try again."
        ),
        "passes": N_(
            "This JPEG is stored in several passes over %(colours)s colours, which would take "
            "%(needed_mb).0f MB of memory to decode. Save it as JPEG or PNG and try again."
        ),
    }


class PhotoTooSmall(PhotoError):
    """Fewer pixels than any face needs."""

    code = "photo_too_small"
    template = N_(
        "The photo has only %(width_px)s x %(height_px)s pixels, too few to judge a face. Choose the "
        "original photo, not a thumbnail."
    )


class AnimatedPhoto(PhotoError):
    """Several frames: no one can tell which is meant."""

    code = "animated_photo"
    template = N_(
        "The file holds several pictures, so it is not clear which one is meant. Save the one picture as "
        "JPEG or PNG and try again."
    )


class FaceError(SimsvcError):
    """A readable photo that does not show one usable face."""

    code = "face_error"


class NoFace(FaceError):
    """The detector found no face."""

    code = "no_face"
    template = N_(
        "No face was found. Use a photo that shows the applicant's face from the front, well lit and "
        "upright. If the face is small in the photo, crop the photo to it."
    )


class SeveralFaces(FaceError):
    """Two or more faces of comparable size."""

    code = "several_faces"
    template = N_(
        "%(faces)s faces of similar size were found, so it is not clear which one is the applicant. Crop the "
        "photo to the applicant's face and try again."
    )


class FaceTooSmall(FaceError):
    """The face has too few pixels to be judged."""

    code = "face_too_small"
    template = N_(
        "The face is only %(side_px).0f pixels across; at least %(least_px).0f are needed. Crop the original "
        "photo to the face, or use one taken closer."
    )


class DecoderMissing(SimsvcError):
    """No process can be started that decodes photos within limits."""

    code = "decoder_missing"
    template = N_(
        "The process that decodes photos could not be started. Free memory and processes on the server, and "
        "try again."
    )
