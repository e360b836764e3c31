"""The one error tree. Every class has a stable `code`; the HTTP status is the web layer's business.

SimsvcError
├── PhotoError                 the upload is not a usable photo
│   ├── EmptyPhoto             empty_photo
│   ├── NotAnImage             not_an_image
│   ├── UnsupportedFormat      unsupported_format
│   ├── TruncatedPhoto         truncated_photo
│   ├── PhotoTooManyBytes      photo_too_many_bytes
│   ├── PhotoTooManyPixels     photo_too_many_pixels
│   ├── PhotoTooCostly         photo_too_costly
│   ├── PhotoTooSmall          photo_too_small
│   └── AnimatedPhoto          animated_photo
├── FaceError                  a photo, but not of one usable face
│   ├── NoFace                 no_face
│   ├── SeveralFaces           several_faces
│   └── FaceTooSmall           face_too_small
├── BundleError                the model cannot be used
│   ├── BundleMissing          bundle_missing
│   ├── BundleDamaged          bundle_damaged
│   ├── BundleUnreadable       bundle_unreadable
│   ├── EngineMissing          engine_missing
│   └── DetectorDamaged        detector_damaged
├── IndexError_                the index cannot be used
│   ├── IndexMissing           index_missing
│   ├── IndexDamaged           index_damaged
│   ├── IndexUnreadable        index_unreadable
│   ├── IndexModelMismatch     index_model_mismatch
│   ├── BuildNotFound          build_not_found
│   ├── BuildRunning           build_running
│   ├── IndexUnwritable        index_unwritable
│   ├── IndexTooLarge          index_too_large
│   └── IndexEngineUnfit       index_engine_unfit
├── SourceError                labelled photos cannot be read
│   ├── SourceUnknown          source_unknown
│   ├── SourceEmpty            source_empty
│   └── LabelsUnreadable       labels_unreadable
├── StoreError                 the database cannot be used (store_unavailable)
│   ├── StoreNotMigrated       store_not_migrated
│   ├── EstimateNotFound       estimate_not_found
│   └── EstimateErased         estimate_erased
├── RequestError               the request is not one that simsvc can answer
│   ├── PhotoMissing           photo_missing
│   ├── NotMultipart           not_multipart
│   ├── FaceNotFound           face_not_found
│   ├── FacesRefused           faces_refused
│   ├── PlotNotFound           plot_not_found
│   ├── ModelChanged           model_changed
│   ├── NotPermitted           not_permitted
│   ├── ScopeMissing           scope_missing
│   ├── InputRefused           input_refused
│   ├── NotJson                not_json
│   ├── JsonRefused            json_refused
│   ├── CursorRefused          cursor_refused
│   ├── PeriodRefused          period_refused
│   ├── NothingJudged          nothing_judged
│   ├── KeyReused              key_reused
│   ├── KeyTaken               key_taken
│   ├── ModelNotFound          model_not_found
│   ├── FormExpired            form_expired
│   ├── FormFromElsewhere      form_from_elsewhere
│   ├── CookieMissing          no_cookie
│   ├── BodyTooSlow            too_slow
│   ├── CaseRefused            case_refused
│   ├── DatesRefused           dates_refused
│   ├── PhotosRefused          photos_refused
│   ├── DecisionRefused        decision_refused
│   ├── DecisionSuperseded     decision_superseded
│   ├── FilterRefused          filter_refused
│   └── CaseNotFound           case_not_found
├── KeepError                  what is kept, or is not kept, does not allow it (keep_error)
│   ├── PhotoDiffers           photo_differs
│   ├── PhotoNotKept           photo_not_kept
│   ├── PhotoLocked            photo_locked
│   ├── ModelGone              model_gone
│   ├── BuildGone              build_gone
│   ├── RetireRefused          retire_refused
│   └── NotConfirmed           not_confirmed
├── AccountError               an account cannot be used so (account_error)
│   ├── SignInRefused          sign_in_refused
│   ├── PasswordRefused        password_refused
│   ├── NameRefused            name_refused
│   ├── NameTaken              name_taken
│   ├── LinkSpent              link_spent
│   ├── LastAdmin              last_admin
│   ├── UserNotFound           user_not_found
│   ├── TokenRefused           token_refused
│   ├── TokenDraftRefused      token_draft_refused
│   └── TokenNotFound          token_not_found
├── DecoderMissing             no process can be started to decode a photo (decoder_missing)
├── Busy                       too many photos wait to be judged (busy)
├── BatchError                 photos cannot be judged in a row as asked (batch_error)
│   ├── BatchEmpty             batch_empty
│   ├── BatchTooLarge          batch_too_large
│   ├── ArchiveDamaged         archive_damaged
│   ├── ArchiveEncrypted       archive_encrypted
│   ├── ArchiveNested          archive_nested
│   ├── ArchiveUnsafe          archive_unsafe
│   ├── ArchiveBomb            archive_bomb
│   ├── CasesUnreadable        cases_unreadable
│   ├── BatchQuota             batch_quota
│   ├── BatchUnwritable        batch_unwritable
│   │   └── DiskReserve        disk_reserve
│   ├── AlreadyJudged          already_judged
│   └── BatchNotFound          batch_not_found
├── TableUnreadable            a CSV table cannot be read (table_unreadable)
├── AuditError                 the log cannot be audited as asked (audit_error)
│   └── CheckpointRefused      checkpoint_refused
├── ResultsRefused             the table of many photos' results cannot be written (results_refused)
└── SettingsError              settings_invalid
"""

from __future__ import annotations

from collections.abc import Mapping


class SimsvcError(Exception):
    """Root of every error raised on purpose; `str(error)` is a sentence for the person at the desk."""

    code = "error"

    @property
    def sentence(self) -> str:
        """What happened and what to do, in plain words."""
        return str(self)


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


class BundleError(SimsvcError):
    """The model bundle cannot be used."""

    code = "bundle_error"


class BundleMissing(BundleError):
    """No bundle lies where one is expected."""

    code = "bundle_missing"


class BundleDamaged(BundleError):
    """The bundle's files and its manifest disagree."""

    code = "bundle_damaged"


class BundleUnreadable(BundleError):
    """The account of this process may not read a file of the model."""

    code = "bundle_unreadable"


class EngineMissing(BundleError):
    """What should run the model is not installed."""

    code = "engine_missing"


class PriorUnfit(BundleError):
    """A prior over ages is set, and the model gives no distribution to apply it to."""

    code = "prior_unfit"


class DetectorDamaged(BundleError):
    """The face detector's files are missing or not as they were shipped."""

    code = "detector_damaged"


class IndexError_(SimsvcError):  # noqa: N801 - `IndexError` is Python's own
    """The similarity index cannot be used."""

    code = "index_error"


class IndexMissing(IndexError_):
    """There is no index in service."""

    code = "index_missing"


class IndexDamaged(IndexError_):
    """The build's files and its manifest disagree."""

    code = "index_damaged"


class IndexUnreadable(IndexError_):
    """The account of this process may not read a file of the index."""

    code = "index_unreadable"


class IndexModelMismatch(IndexError_):
    """The index was built with another model than the one in service."""

    code = "index_model_mismatch"


class BuildNotFound(IndexError_):
    """No build of that name lies in the index folder."""

    code = "build_not_found"


class BuildRunning(IndexError_):
    """Another index build is at work in the same folder."""

    code = "build_running"


class IndexUnwritable(IndexError_):
    """The index folder cannot be written to."""

    code = "index_unwritable"


class IndexTooLarge(IndexError_):
    """The process may not map the build's files, or has no memory to make them."""

    code = "index_too_large"


class IndexEngineUnfit(IndexError_):
    """The index library was compiled for another processor."""

    code = "index_engine_unfit"


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


class StoreError(SimsvcError):
    """The database cannot be used."""

    code = "store_unavailable"


class StoreNotMigrated(StoreError):
    """The database lacks tables of this version."""

    code = "store_not_migrated"


class EstimateNotFound(StoreError):
    """No estimate has that id."""

    code = "estimate_not_found"


class EstimateErased(EstimateNotFound):
    """There was an estimate of that id; it was erased."""

    code = "estimate_erased"


class RequestError(SimsvcError):
    """The request lacks something."""

    code = "bad_request"


class BodyTooSlow(RequestError):
    """The request came too slowly to be waited for."""

    code = "too_slow"


class FormFromElsewhere(RequestError):
    """A form was sent from another site."""

    code = "form_from_elsewhere"


class CookieMissing(RequestError):
    """A form was sent without the cookie of its session."""

    code = "no_cookie"


class PhotoMissing(RequestError):
    """The form came without a photo."""

    code = "photo_missing"


class NotMultipart(RequestError):
    """The request's body is no form with files."""

    code = "not_multipart"


class FaceNotFound(RequestError):
    """No labelled face has that id in that build."""

    code = "face_not_found"


class FacesRefused(RequestError):
    """Labelled faces that cannot be added, or a label that no face can have."""

    code = "faces_refused"


class PlotNotFound(RequestError):
    """The model came without a plot of that name."""

    code = "plot_not_found"


class ModelChanged(RequestError):
    """What is asked needs the model that made the estimate, and another one is in service."""

    code = "model_changed"


class NotPermitted(RequestError):
    """The role of the account does not allow what is asked."""

    code = "not_permitted"


class ScopeMissing(RequestError):
    """The token has no scope that allows this."""

    code = "scope_missing"


class InputRefused(RequestError):
    """Fields of the request cannot be used.

    Attributes:
        fields: name of each such field to what is wrong with it.
    """

    code = "input_refused"

    def __init__(self, sentence: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.fields = dict(fields or {})


class NotJson(RequestError):
    """The body should be JSON and is something else."""

    code = "not_json"


class JsonRefused(RequestError):
    """The body is not JSON, or such as no field could mean."""

    code = "json_refused"


class CursorRefused(RequestError):
    """The cursor is not one that was given for this list."""

    code = "cursor_refused"


class PeriodRefused(RequestError):
    """The periods cannot be compared."""

    code = "period_refused"


class NothingJudged(RequestError):
    """The photo was refused, and there is no crop of it."""

    code = "nothing_judged"


class KeyReused(RequestError):
    """An idempotency key came with another request before."""

    code = "key_reused"


class KeyTaken(RequestError):
    """The same request with the same idempotency key is being answered."""

    code = "key_taken"


class ModelNotFound(RequestError):
    """No model of that hash is in service or on record."""

    code = "model_not_found"


class FormExpired(RequestError):
    """A form came without the token of the session at hand."""

    code = "form_expired"


class CaseRefused(RequestError):
    """No case can have that reference."""

    code = "case_refused"


class DatesRefused(RequestError):
    """Declared dates that are no dates, or cannot both be right."""

    code = "dates_refused"


class PhotosRefused(RequestError):
    """More photos than one upload may hold, or several without a case."""

    code = "photos_refused"


class DecisionRefused(RequestError):
    """A decision lacks something, or does not fit its estimate."""

    code = "decision_refused"


class DecisionSuperseded(RequestError):
    """Someone else decided while the form was open."""

    code = "decision_superseded"


class FilterRefused(RequestError):
    """The history cannot be searched for that."""

    code = "filter_refused"


class CaseNotFound(RequestError):
    """No estimate belongs to that case."""

    code = "case_not_found"


class DecoderMissing(SimsvcError):
    """No process can be started that decodes photos within limits."""

    code = "decoder_missing"


class Busy(SimsvcError):
    """More photos wait than are judged in reasonable time."""

    code = "busy"


class KeepError(SimsvcError):
    """What was kept for later does not allow what is asked."""

    code = "keep_error"


class PhotoDiffers(KeepError):
    """Another photo than the one that was judged."""

    code = "photo_differs"


class PhotoNotKept(KeepError):
    """The photo is needed again, and it was not kept or its time is over."""

    code = "photo_not_kept"


class PhotoLocked(KeepError):
    """No key at hand opens a kept photo."""

    code = "photo_locked"


class ModelGone(KeepError):
    """The model that made an estimate is no longer there."""

    code = "model_gone"


class BuildGone(KeepError):
    """The index build that an estimate was made with is no longer there."""

    code = "build_gone"


class RetireRefused(KeepError):
    """A model or an index build is needed still."""

    code = "retire_refused"


class NotConfirmed(KeepError):
    """What cannot be undone was not confirmed."""

    code = "not_confirmed"


class AccountError(SimsvcError):
    """An account cannot be used as asked."""

    code = "account_error"


class SignInRefused(AccountError):
    """Name and password do not open an account, for whatever reason."""

    code = "sign_in_refused"


class PasswordRefused(AccountError):
    """The password is too easy to guess, or was not typed twice alike."""

    code = "password_refused"


class NameRefused(AccountError):
    """No account can have that name."""

    code = "name_refused"


class NameTaken(AccountError):
    """Another account has that name."""

    code = "name_taken"


class LinkSpent(AccountError):
    """The one-time link was used, replaced or has expired, or never was one."""

    code = "link_spent"


class LastAdmin(AccountError):
    """Nobody could keep the accounts any more."""

    code = "last_admin"


class UserNotFound(AccountError):
    """No account has that name or id."""

    code = "user_not_found"


class TokenRefused(AccountError):
    """What a program sent is no token in force."""

    code = "token_refused"


class TokenDraftRefused(AccountError):
    """No token can be made so."""

    code = "token_draft_refused"


class TokenNotFound(AccountError):
    """No token has that id."""

    code = "token_not_found"


class BatchError(SimsvcError):
    """Photos cannot be taken in as a batch."""

    code = "batch_error"


class BatchEmpty(BatchError):
    """No photo came."""

    code = "batch_empty"


class BatchTooLarge(BatchError):
    """More photos, or more bytes, than one batch may have."""

    code = "batch_too_large"


class ArchiveDamaged(BatchError):
    """The ZIP cannot be unpacked."""

    code = "archive_damaged"


class ArchiveEncrypted(BatchError):
    """A file in the ZIP needs a password."""

    code = "archive_encrypted"


class ArchiveNested(BatchError):
    """The ZIP holds another archive."""

    code = "archive_nested"


class ArchiveUnsafe(BatchError):
    """A name in the ZIP leads out of it, or is a link."""

    code = "archive_unsafe"


class ArchiveBomb(BatchError):
    """Files in the ZIP share bytes, so that far more would be unpacked than came."""

    code = "archive_bomb"


class CasesUnreadable(BatchError):
    """The table of case references cannot be understood, or does not fit the photos."""

    code = "cases_unreadable"


class BatchQuota(BatchError):
    """More of an account's photos would wait than may."""

    code = "batch_quota"


class BatchUnwritable(BatchError):
    """The waiting photos cannot be kept."""

    code = "batch_unwritable"


class DiskReserve(BatchUnwritable):
    """Keeping the photos would take room that is kept free for the service's records."""

    code = "disk_reserve"


class AlreadyJudged(BatchError):
    """Another process was faster with a photo: nothing of this one's work is put on record."""

    code = "already_judged"


class BatchNotFound(BatchError):
    """No batch has that id."""

    code = "batch_not_found"


class TableUnreadable(SimsvcError):
    """What should be a CSV table is none, or is damaged."""

    code = "table_unreadable"


class AuditError(SimsvcError):
    """The log cannot be audited as asked."""

    code = "audit_error"


class CheckpointRefused(AuditError):
    """What should be a checkpoint of the log is none."""

    code = "checkpoint_refused"


class DiskUnfit(SimsvcError):
    """There is too little room, or no right to write."""

    code = "disk_unfit"


class BackupRefused(SimsvcError):
    """A back-up cannot be made, or not be put back."""

    code = "backup_refused"


class ResultsRefused(SimsvcError):
    """The table of many photos' results cannot be written."""

    code = "results_refused"


class SettingsError(SimsvcError):
    """A setting has a value that cannot be used."""

    code = "settings_invalid"
