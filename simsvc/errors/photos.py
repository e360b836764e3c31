"""A photo, or the face in it, cannot be judged."""

from __future__ import annotations

from simsvc.errors.base import SimsvcError


class PhotoError(SimsvcError):
    """The uploaded bytes are not a photo that can be read."""

    code = "photo_error"


class EmptyPhoto(PhotoError):
    """Zero bytes were uploaded."""

    code = "empty_photo"


class NotAnImage(PhotoError):
    """The bytes are of no image format known here."""

    code = "not_an_image"


class UnsupportedFormat(PhotoError):
    """An image or document, but of a format that is not accepted."""

    code = "unsupported_format"


class TruncatedPhoto(PhotoError):
    """An image whose pixels cannot all be read."""

    code = "truncated_photo"


class PhotoTooManyBytes(PhotoError):
    """More bytes than the limit."""

    code = "photo_too_many_bytes"


class PhotoTooManyPixels(PhotoError):
    """More pixels than the limit, whatever the file's size."""

    code = "photo_too_many_pixels"


class PhotoTooCostly(PhotoError):
    """Decoding would take more time or memory than the limit, whatever the number of pixels."""

    code = "photo_too_costly"


class PhotoTooSmall(PhotoError):
    """Fewer pixels than any face needs."""

    code = "photo_too_small"


class AnimatedPhoto(PhotoError):
    """Several frames: no one can tell which is meant."""

    code = "animated_photo"


class FaceError(SimsvcError):
    """A readable photo that does not show one usable face."""

    code = "face_error"


class NoFace(FaceError):
    """The detector found no face."""

    code = "no_face"


class SeveralFaces(FaceError):
    """Two or more faces of comparable size."""

    code = "several_faces"


class FaceTooSmall(FaceError):
    """The face has too few pixels to be judged."""

    code = "face_too_small"


class DecoderMissing(SimsvcError):
    """No process can be started that decodes photos within limits."""

    code = "decoder_missing"
