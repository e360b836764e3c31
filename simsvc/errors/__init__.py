"""The one error tree. Every class has a stable `code` and sentences; the HTTP status is the web's business.

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
│   ├── BundleUnreachable      bundle_unreachable
│   ├── ModelNotLogged         model_not_logged
│   ├── EngineMissing          engine_missing
│   └── DetectorDamaged        detector_damaged
├── IndexUnusable              the index cannot be used
│   ├── IndexMissing           index_missing
│   ├── IndexDamaged           index_damaged
│   ├── IndexUnreadable        index_unreadable
│   ├── IndexModelMismatch     index_model_mismatch
│   ├── IndexNotServed         index_not_served
│   ├── BuildNotFound          build_not_found
│   ├── BuildRunning           build_running
│   ├── IndexUnwritable        index_unwritable
│   ├── IndexUnreachable       index_unreachable
│   ├── IndexTooLarge          index_too_large
│   └── IndexEngineUnfit       index_engine_unfit
├── SourceError                labelled photos cannot be read
│   ├── SourceUnknown          source_unknown
│   ├── SourceEmpty            source_empty
│   └── LabelsUnreadable       labels_unreadable
├── FaceImportError            reference faces cannot be imported (face_import_error)
│   ├── ImportRefused          import_refused
│   ├── ImportTooLarge         import_too_large
│   ├── ImportNotFound         import_not_found
│   ├── ImportBusy             import_busy
│   └── ImportInterrupted      import_interrupted
├── StoreError                 the database cannot be used (store_unavailable)
│   ├── StoreNotMigrated       store_not_migrated
│   ├── ReadsNotLogged         reads_not_logged
│   ├── EstimateNotFound       estimate_not_found
│   └── EstimateErased         estimate_erased
├── RequestError               the request is not one that simsvc can answer
│   ├── PhotoMissing           photo_missing
│   ├── NotMultipart           not_multipart
│   ├── FaceNotFound           face_not_found
│   ├── FacesRefused           faces_refused
│   ├── FaceChangeRefused      face_change_refused
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
│   ├── DatesUnconfirmed       dates_unconfirmed
│   ├── PhotosRefused          photos_refused
│   ├── DecisionRefused        decision_refused
│   ├── DecisionSuperseded     decision_superseded
│   ├── FilterRefused          filter_refused
│   ├── ViewRefused            view_refused
│   ├── CaseNotFound           case_not_found
│   └── SamplesMissing         samples_missing
├── KeepError                  what is kept, or is not kept, does not allow it (keep_error)
│   ├── PhotoDiffers           photo_differs
│   ├── PhotoNotKept           photo_not_kept
│   ├── PhotoLocked            photo_locked
│   ├── ModelGone              model_gone
│   ├── BuildGone              build_gone
│   ├── RetireRefused          retire_refused
│   └── NotConfirmed           not_confirmed
├── ReferralError              a referral does not allow this (referral_error)
│   ├── ReferralRefused        referral_refused
│   ├── ReferralNotFound       referral_not_found
│   ├── ReferralExists         referral_exists
│   └── ReferralChanged        referral_changed
├── AccountError               an account cannot be used so (account_error)
│   ├── SignInRefused          sign_in_refused
│   ├── PasswordRefused        password_refused
│   ├── NameRefused            name_refused
│   ├── NameTaken              name_taken
│   ├── LinkSpent              link_spent
│   ├── LastAdmin              last_admin
│   ├── UserNotFound           user_not_found
│   ├── ContactRefused         contact_refused
│   ├── TokenRefused           token_refused
│   ├── TokenDraftRefused      token_draft_refused
│   ├── TokenNotFound          token_not_found
│   ├── CodeRefused            code_refused
│   ├── SecondFactorNeeded     second_factor_needed
│   ├── PasswordsOff           passwords_off
│   ├── OidcRefused            oidc_refused
│   └── OidcUnreachable        oidc_unreachable
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
│   ├── PhotoLost              photo_lost
│   ├── NotJudged              not_judged
│   ├── AlreadyJudged          already_judged
│   ├── LeaseLost              lease_lost
│   └── BatchNotFound          batch_not_found
├── ObjectError                the object store does not do what is asked (object_error)
│   ├── ObjectMissing          object_missing
│   └── ObjectsUnavailable     objects_unavailable
│       ├── ObjectsRefused     objects_refused
│       └── CacheUnwritable    cache_unwritable
├── TableUnreadable            a CSV table cannot be read (table_unreadable)
├── AuditError                 the log cannot be audited as asked (audit_error)
│   ├── CheckpointRefused      checkpoint_refused
│   ├── NoteRefused            note_refused
│   ├── VerifierKeyRefused     verifier_key_refused
│   ├── LogKeyRefused          log_key_refused
│   ├── LogDiffers             log_differs
│   ├── ProofRefused           proof_refused
│   ├── CheckpointMissing      checkpoint_missing
│   ├── VerificationRefused    verification_refused
│   ├── EvidenceRefused        evidence_refused
│   └── ReportCodeRefused      report_code_refused
├── WitnessFailed              a witness did not take a checkpoint (witness_failed)
├── WitnessDisagrees           the log does not continue what a witness saw (witness_disagrees)
├── WitnessMissing             no witness has seen the latest events (witness_missing)
├── WitnessUnknown             there is no witness of this name (witness_unknown)
├── WitnessLied                a witness gave an answer that cannot be true (witness_lied)
├── ResultsRefused             the table of many photos' results cannot be written (results_refused)
├── AdoptionRefused            one machine's installation cannot be moved (adoption_refused)
├── PartUnfit                  a part that hosts share is not as it should be (part_unfit)
├── HostRefused                this host differs from others that share its database (host_refused)
├── WideError                  work cannot be done on several hosts (wide_error)
│   ├── RayMissing             ray_missing
│   ├── RayUnreachable         ray_unreachable
│   ├── HostUnfit              host_unfit
│   └── WideFailed             wide_failed
├── RemotePhotosUnavailable    photos in an object store cannot be read (remote_photos_unavailable)
├── DeliveryFailed             a notification could not be delivered (delivery_failed)
└── SettingsError              settings_invalid
"""

from simsvc.errors.accounts import *
from simsvc.errors.base import *
from simsvc.errors.batches import *
from simsvc.errors.cluster import *
from simsvc.errors.imports import *
from simsvc.errors.index import *
from simsvc.errors.labels import *
from simsvc.errors.models import *
from simsvc.errors.objects import *
from simsvc.errors.operation import *
from simsvc.errors.photos import *
from simsvc.errors.records import *
from simsvc.errors.referrals import *
from simsvc.errors.requests import *
from simsvc.errors.wide import *
from simsvc.errors.witnesses import *
