"""Protocols behind which the outside world stands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from simsvc.errors import SimsvcError
from simsvc.values import (
    EVERY_FACE,
    BatchNotes,
    Client,
    Credentials,
    Crop,
    Decoded,
    DecodeRequest,
    Estimate,
    Face,
    FaceFilter,
    FloatVector,
    Leased,
    Neighbour,
    NewPhoto,
    Photo,
    Prediction,
    RecordedEstimate,
    Role,
    SupportScale,
    User,
    Waiting,
)
from simsvc.values.audit.log import SignedCheckpoint
from simsvc.values.audit.reads import Read
from simsvc.values.audit.witnesses import Cosignature, Prove, Seen
from simsvc.values.erasure import Erasable, Receipt
from simsvc.values.events import LogState, Verification
from simsvc.values.objects import ObjectFacts
from simsvc.values.site_calibration import SiteCalibration

Job_contra = TypeVar("Job_contra", contravariant=True)
Done_co = TypeVar("Done_co", covariant=True)


class WideWork(Protocol[Job_contra, Done_co]):
    """Does one kind of work on many jobs, by the threads of this process or the cores of several hosts."""

    def ordered(self, jobs: Iterable[Job_contra]) -> Iterator[Done_co]:
        """Read the jobs lazily, and yield the results in order; raises what the work raises, or WideError."""


class HostWork(Protocol[Job_contra, Done_co]):
    """The work as a host does it, with the model that it holds."""

    def __call__(self, job: Job_contra) -> Done_co:
        """Return the result of a job."""

    def given_up(self, job: Job_contra) -> Done_co:
        """Return the result of a job that ended the process several times."""


class PictureDecoder(Protocol):
    """Turns a photo's bytes into pixels, in this process or in another one."""

    def __call__(self, data: bytes, request: DecodeRequest) -> Decoded:
        """Return the photo's pixels; raises PhotoError."""


class Detector(Protocol):
    """Finds faces."""

    def detect(self, photo: Photo) -> tuple[Face, ...]:
        """Return every face found, largest first, in pixels of `photo.rgb`."""


class Model(Protocol):
    """Age and embedding in one pass."""

    version: str
    """Short name of the bundle, shown to people."""
    sha256: str
    """Of the weights: an index is valid for exactly one."""
    dims: int
    """D, the length of an embedding."""
    input_px: int
    """S, the side of the crops that `predict` takes."""
    crop_margin: float
    """Side of the crop over the longer side of the detector's box."""
    first_decode_px: int | None
    """Longer side that a JPEG keeps at least when it is first decoded; None: all of it."""
    reading: int
    """How photos are read for it: see `domain.photo.decode.READING`."""
    point: str
    """What of its distribution over ages is the estimate, "mean" or "median"."""

    @property
    def engine(self) -> str:
        """What runs it, and in what numbers, such as "onnxruntime int8"."""

    at_once: int
    """How many faces a pass takes where there are many: as fast a face as it gets."""

    @property
    def has_distribution(self) -> bool:
        """Whether predictions have `age_shares`."""

    def predict(self, crops: Sequence[Crop]) -> Prediction:
        """Return age and embedding of N >= 1 crops of side `input_px`."""


class Index(Protocol):
    """Finds the nearest labelled faces."""

    @property
    def label(self) -> str:
        """Name the build as records do: name/build."""

    @property
    def face_changes(self) -> int:
        """How many sets of changes, made to labelled faces without a build, its answers know of."""

    @property
    def count(self) -> int:
        """How many faces it holds."""

    @property
    def support_scale(self) -> SupportScale | None:
        """Tell how far apart its own faces are, or None where that was never measured."""

    @property
    def calibration(self) -> SiteCalibration | None:
        """What its faces say of the model's errors; None where the build was not fitted."""

    def search(
        self, embedding: FloatVector, k: int, wanted: FaceFilter = EVERY_FACE
    ) -> tuple[Neighbour, ...]:
        """Return the k nearest faces of a unit vector (D,) among those wanted, nearest first."""

    def thumbnail(self, face_id: str) -> bytes:
        """Return the face's thumbnail as JPEG bytes; raises FaceNotFound if the build has no such face."""


class CurrentPointer(Protocol):
    """Names the index build in service, for every process."""

    def read(self) -> tuple[str | None, object]:
        """Return the label "name/build" or None, and a value that differs after every `write`.

        Raises IndexDamaged, IndexUnreadable, StoreError.
        """

    def write(self, label: str) -> None:
        """Put a build into service; raises BuildNotFound if the label is malformed, OSError, StoreError."""


class BuildLock(Protocol):
    """Lets one process at a time build an index."""

    def __call__(self, root: Path, name: str) -> AbstractContextManager[None]:
        """Hold the lock for the index `name` under `root`; raises BuildRunning if another process does."""


class Recorder(Protocol):
    """Puts estimates on record."""

    def record(self, estimate: Estimate) -> RecordedEstimate:
        """Store the estimate in one transaction and return it as recorded; raises StoreError."""


class ReadLog(Protocol):
    """Logs that records were opened, off the request's path."""

    @property
    def waiting(self) -> int:
        """Return how many reads wait to be written."""

    @property
    def problem(self) -> SimsvcError | None:
        """Return why reads cannot be written, or None while they are."""

    def note(self, read: Read) -> None:
        """Have a read written; raises ReadsNotLogged where that is required and cannot be done."""

    def flush(self, patience_s: float = ...) -> bool:
        """Write what waits now; return whether all of it was written in time."""

    def close(self) -> None:
        """Write what waits, and take no more."""


class Cipher(Protocol):
    """Keeps photos so that nobody can see them without its keys."""

    def encrypt(self, photo: bytes) -> bytes:
        """Return what may be kept."""

    def decrypt(self, token: bytes) -> bytes:
        """Return the photo again; raises PhotoLocked where no key fits, or a byte was changed."""

    def rotate(self, token: bytes) -> bytes:
        """Return the same photo encrypted with the first key; raises PhotoLocked."""


class Hasher(Protocol):
    """Keeps passwords so that nobody can read them."""

    def hash(self, password: str) -> str:
        """Return a salted hash that says how it was made."""

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Say whether the password is the one hashed; takes as long where there is no hash."""

    def outdated(self, password_hash: str) -> bool:
        """Say whether the hash was made with weaker parameters than are used now."""


class AccountBook(Protocol):
    """Keeps accounts. Every method is one transaction and raises StoreError where the database fails."""

    def acting(self, actor: str) -> AccountBook:
        """Return the same accounts, what is done with them logged as done by this actor."""

    def add(self, name: str, name_key: str, role: Role, now: datetime) -> User:
        """Add an account without a password; raises NameTaken."""

    def find(self, user_id: str) -> User | None:
        """Return the account of that public id."""

    def named(self, name_key: str) -> User | None:
        """Return the account of that name, folded as `domain.accounts.passwords.name_key` does."""

    def all(self) -> tuple[User, ...]:
        """Return every account by name."""

    def invite(self, user_id: str, link_sha256: str, expires_at: datetime) -> User:
        """Replace the account's link, forget its password and end its sessions."""

    def invited(self, link_sha256: str, now: datetime) -> User | None:
        """Return the account that an unused link in force belongs to."""

    def accept(self, link_sha256: str, password_hash: str, now: datetime, client: Client) -> User | None:
        """Use the link up and set the password; None where it is not in force, also by an instant."""

    def attempt(self, name_key: str, now: datetime, client: Client) -> Credentials | None:
        """Count one attempt before it is judged; None for a closed account or a client that has to wait."""

    def refuse(self, name_key: str, slowed_until: datetime | None, how: Mapping[str, str] = ...) -> None:
        """Log that a sign-in with this name was refused, whether or not there is such an account."""

    def succeed(self, user_id: str, now: datetime, client: Client, how: Mapping[str, str] = ...) -> None:
        """Forget the client's failures, and note the sign-in; `how` is what the log says of it."""

    def confirm(self, user_id: str, now: datetime, client: Client, how: Mapping[str, str] = ...) -> None:
        """Forget the client's failures, and log that the person proved again who they are."""

    def forgive(self, user_id: str, now: datetime, client: Client) -> None:
        """Forget the attempt that was just counted: its password was right, and a code is asked for next."""

    def rehash(self, user_id: str, password_hash: str) -> None:
        """Keep a stronger hash of the same password."""

    def set_password(self, user_id: str, password_hash: str) -> User:
        """Replace the password and end every session."""

    def end_sessions(self, user_id: str) -> None:
        """End every session of the account."""

    def disable(self, user_id: str, now: datetime) -> User:
        """Close the account, end its sessions and revoke its tokens; raises LastAdmin."""

    def change_role(self, user_id: str, role: Role, now: datetime) -> User:
        """Give the account another role, and revoke its tokens; raises LastAdmin."""

    def enable(self, user_id: str) -> User:
        """Open the account again and forget failed sign-ins."""

    def set_contact(self, user_id: str, team: str | None, mail_address: str | None) -> User:
        """Replace the account's team and mail address."""


class SecondFactorBook(Protocol):
    """Keeps second factors. Every method is one transaction; raises StoreError."""

    def acting(self, actor: str) -> SecondFactorBook:
        """Return the same second factors, what is done with them logged as done by this actor."""

    def secret(self, user_id: str) -> bytes | None:
        """Return the encrypted secret of an account, or None without a second factor."""

    def put(self, user_id: str, secret: bytes, step: int, codes: Sequence[str], now: datetime) -> None:
        """Set up a second factor, the code of a time step used up, with digests of recovery codes."""

    def renew(self, user_id: str, codes: Sequence[str]) -> None:
        """Replace the recovery codes by others, given as digests."""

    def remove(self, user_id: str) -> None:
        """Remove second factor and recovery codes; nothing happens without one."""

    def use_step(self, user_id: str, step: int) -> bool:
        """Use up the code of a time step; False where that or a later one was used before."""

    def use_recovery(self, user_id: str, code_sha256: str) -> bool:
        """Use up a recovery code; False where there is none such."""

    def recovery_left(self, user_id: str) -> int:
        """Return the number of unused recovery codes."""


class TimeCodes(Protocol):
    """Time-based codes."""

    def code_at(self, secret: bytes, step: int) -> str:
        """Return the code of a time step."""

    def uri(self, secret: bytes, name: str) -> str:
        """Return the address that authenticator apps read from a QR code."""


class IdentityBook(Protocol):
    """Keeps which account an identity of the OpenID provider opens; each method is one transaction."""

    def find(self, issuer: str, subject: str) -> User | None:
        """Return the account of an identity."""

    def link(self, link_sha256: str, issuer: str, subject: str, now: datetime) -> User | None:
        """Use up a one-time link and give its account the identity; None where the link is not in force.

        Raises OidcRefused("taken") where another account has the identity.
        """

    def add(self, name: str, name_key: str, role: Role, issuer: str, subject: str, now: datetime) -> User:
        """Add an account with an identity; raises NameTaken."""


class ObjectStore(Protocol):
    """Keeps bytes by name, each object whole or not at all; names are relative paths with slashes.

    Every method raises ObjectsUnavailable if the store does not answer, and ObjectsRefused, which is one, if
    trying again does not help.
    """

    name: str
    """Without secrets, for logs and pages."""

    @property
    def keeps_versions(self) -> bool:
        """Whether what is deleted or overwritten remains in the store."""

    def check(self) -> None:
        """Raise ObjectsUnavailable if objects cannot be listed."""

    def put(self, key: str, data: bytes) -> None:
        """Write an object, in place of an earlier one."""

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; return whether it was written."""

    def put_file(self, key: str, path: Path) -> None:
        """Write a file's content as an object."""

    def get(self, key: str) -> bytes:
        """Return an object; raises ObjectMissing."""

    def fetch(self, key: str, to: Path) -> None:
        """Copy an object to a file; raises ObjectMissing, CacheUnwritable."""

    def delete(self, key: str) -> None:
        """Delete an object, if there is one."""

    def delete_all(self, prefix: str) -> None:
        """Delete every object whose name begins with this and a slash."""

    def keys(self, prefix: str) -> Iterator[ObjectFacts]:
        """Yield every object whose name begins with this and a slash, in order; "" is all."""


class PhotoSpool(Protocol):
    """Keeps the photos of a batch until they are judged."""

    def check(self) -> None:
        """Raise ObjectsUnavailable if photos could not be deleted now."""

    def filling(self, batch_id: str) -> AbstractContextManager[None]:
        """Hold a new batch's place while its photos come in; an upload that fails leaves nothing."""

    def put(self, batch_id: str, position: int, data: bytes) -> None:
        """Keep a photo; raises BatchUnwritable, ObjectsUnavailable."""

    def get(self, batch_id: str, position: int) -> bytes | None:
        """Return a photo, or None where it is gone; raises BatchUnwritable, ObjectsUnavailable."""

    def drop(self, batch_id: str, position: int) -> None:
        """Delete a photo."""

    def clear(self, batch_id: str) -> None:
        """Delete all photos of a batch."""


class LeaseBook(Protocol):
    """Leases waiting photos to workers. Every method is one transaction and raises StoreError.

    What changes a photo raises AlreadyJudged if it waits no more, LeaseLost if the worker does not hold it.
    """

    def begin_next(
        self, worker: str, now: datetime, lease_s: float, *, after: int = 0, without: Collection[int] = ()
    ) -> Leased | None:
        """Lease the next waiting photo to a worker and count one attempt, batch `after` being last in turn.

        Batches `without` are left out.
        """

    def renew(self, leased: Leased, now: datetime, lease_s: float) -> bool:
        """Prolong a lease; False where it is lost."""

    def release(self, worker: str) -> None:
        """End the leases of a worker that ended."""

    def take_back(self, leased: Leased, problem: SimsvcError) -> None:
        """Note why nothing can be judged just now, uncount the attempt and end the lease."""

    def give_up(self, batch_id: str, position: int, refusal: SimsvcError, worker: str | None = None) -> None:
        """Put a photo on record as failed."""

    def recorder(self, batch_id: str, position: int, worker: str | None = None) -> Recorder:
        """Return what puts estimate and photo on record together."""

    def has_ended(self, batch_id: str) -> bool:
        """Say whether no photo of a batch waits any more."""


class BatchBook(LeaseBook, Protocol):
    """Keeps batches. Every method is one transaction and raises StoreError where the database fails."""

    def add(
        self,
        batch_id: str,
        name: str,
        photos: Sequence[NewPhoto],
        asked_by: str,
        now: datetime,
        notes: BatchNotes,
    ) -> None:
        """Put a batch on record; raises BatchQuota."""

    def waiting_of(self, asked_by: str) -> Waiting:
        """Return what waits of an account's photos."""


class BulkBook(Protocol):
    """Puts estimates on record."""

    def together(self) -> AbstractContextManager[Recorder]:
        """Give a recorder whose estimates go on record when the block ends: all, or none."""

    def have(self, records: Sequence[str]) -> bool:
        """Say whether all of these are on record."""


class RecordFinder(Protocol):
    """Estimates on record."""

    def find(self, public_id: str) -> RecordedEstimate:
        """Return an estimate; raises EstimateNotFound."""


class ErasableRecords(Protocol):
    """Rows of estimates and cases. Every method is one transaction and raises StoreError."""

    def of_estimate(self, public_id: str) -> Erasable:
        """Return what there is of an estimate; raises EstimateNotFound."""

    def of_case(self, reference: str) -> Erasable:
        """Return what there is of a case; raises CaseNotFound."""

    def erase_estimate(self, public_id: str, actor: str, now: datetime) -> Receipt:
        """Erase an estimate; raises EstimateNotFound."""

    def erase_case(self, reference: str, actor: str, now: datetime) -> Receipt:
        """Erase a case; raises CaseNotFound."""


class SetAside(Protocol):
    """A model or an index build that nobody finds any more, but that can still be put back."""

    def restore(self) -> None:
        """Put it back."""

    def delete(self) -> None:
        """Delete it for good."""


class RetirementBook(Protocol):
    """What the database knows of models and builds."""

    def retiring(self, subject: str, content: dict[str, object], actor: str, act: Callable[[], None]) -> None:
        """Log a retirement together with what `act` does; raises StoreError."""


class VerificationBook(Protocol):
    """Keeps verifications. Every method is one transaction and raises StoreError."""

    def latest(self) -> Verification | None:
        """Return the verification that was started last."""

    def begin(self, number: int, actor: str, now: datetime) -> None:
        """Record that a verification starts; raises VerificationRefused if one of that number has."""

    def advance(self, number: int, done: int, total: int, now: datetime) -> None:
        """Record the progress."""

    def finish(self, number: int, actor: str, found: LogState, now: datetime) -> None:
        """Record the result and log it."""

    def fail(self, number: int, now: datetime) -> None:
        """Record that a verification ended without a result."""


class Witness(Protocol):
    """A place that keeps checkpoints of the log, which the database's owner need not own."""

    name: str
    """Without secrets, for logs and pages."""
    takes_every: bool
    """Whether it keeps every checkpoint, or only ever the latest."""
    reads: bool
    """Whether it can be asked what it saw."""

    def take(self, checkpoint: SignedCheckpoint, known: int, prove: Prove) -> tuple[Cosignature, ...]:
        """Take a checkpoint, and return cosignatures, if it makes any; `known` is the size that it took last.

        Raises WitnessFailed; WitnessDisagrees if it saw another log; WitnessLied.
        """

    def last(self, latest: SignedCheckpoint | None, prove: Prove) -> Seen | None:
        """Return what it saw last, or None if it saw nothing, or cannot be asked.

        Raises WitnessFailed; WitnessLied.
        """
