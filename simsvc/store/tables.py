"""The tables. Every column that a later reader could misread says its unit in its name."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraint names that migrations can rely on. Source: Alembic's documentation, "The Importance of Naming
Constraints"."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. SQLite drops the zone, so UTC is written and UTC is read back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware datetime into UTC."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC, aware."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {float: Double()}  # Float would be 32 bits elsewhere


EstimateKey = Annotated[
    int, mapped_column(ForeignKey("estimates.sequence", ondelete="CASCADE"), primary_key=True)
]
"""Key of a row that goes with its estimate."""


PARTS = {
    "ix_estimates_refused": (("outcome", "created_at"), "outcome = 'refused'"),
    "ix_estimates_withheld": (("outcome", "created_at"), "outcome = 'withheld'"),
    "ix_estimates_undecided": (("decision", "sequence"), "decision IS NULL"),
    "ix_estimates_undecided_outside": (
        ("decision", "verdict", "sequence"),
        "decision IS NULL AND verdict = 'outside'",
    ),
    "ix_estimates_undecided_withheld": (
        ("decision", "outcome", "sequence"),
        "decision IS NULL AND outcome = 'withheld'",
    ),
    "ix_estimates_decision": (("decision", "decided_at"), "decision IS NOT NULL"),
    "ix_estimates_decided_at": (("decided_at",), "decided_at IS NOT NULL"),
}
"""Indexes of some estimates, for the work list and the overview: columns and which estimates. The columns of
the condition are in them, so that SQLite counts without looking at the rows."""


def partial_index(name: str, columns: tuple[str, ...], condition: str) -> Index:
    """Return an index of the rows that fulfil a condition."""
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


class FaceRow(Table):
    """A labelled face of any build; the label is the latest build's."""

    __tablename__ = "faces"

    face_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(String(64), index=True)
    reference: Mapped[str] = mapped_column(String(512))
    age_years: Mapped[float]


class BuildRow(Table):
    """A finished index build."""

    __tablename__ = "builds"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    label: Mapped[str] = mapped_column(String(130), unique=True)
    index_name: Mapped[str] = mapped_column(String(64))
    build_id: Mapped[str] = mapped_column(String(64))
    count: Mapped[int]
    sources: Mapped[list[str]] = mapped_column(JSON)
    model_sha256: Mapped[str] = mapped_column(String(64))
    manifest_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EstimateRow(Table):
    """One answer, estimated or refused. The photo itself is kept only where the operator asks for it."""

    __tablename__ = "estimates"
    __table_args__ = (
        Index("ix_estimates_created_at", "created_at", "age_years", "outcome"),
        Index("ix_estimates_verdict", "verdict", "created_at"),
        *(partial_index(name, *part) for name, part in PARTS.items()),
        {"sqlite_autoincrement": True},  # a record's number is never given twice
    )

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(16))
    code: Mapped[str | None] = mapped_column(String(64))
    sentence: Mapped[str | None]
    photo_name: Mapped[str] = mapped_column(String(255))
    photo_sha256: Mapped[str] = mapped_column(String(64), index=True)
    age_years: Mapped[float | None]
    interval_low_years: Mapped[float | None]
    interval_high_years: Mapped[float | None]
    coverage: Mapped[float | None]
    neighbours_age_years: Mapped[float | None]
    neighbours_close: Mapped[int | None]
    neighbours_count: Mapped[int | None]
    support: Mapped[float | None]
    refer_reason: Mapped[str | None]
    quality: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    flags: Mapped[list[str]] = mapped_column(JSON)
    model_version: Mapped[str | None] = mapped_column(String(128))
    model_sha256: Mapped[str | None] = mapped_column(String(64))
    index_label: Mapped[str | None] = mapped_column(String(130))
    face_changes: Mapped[int | None]
    """How many sets of face changes lay over the build; empty in rows of older versions, which had none."""
    bundle_sha256: Mapped[str | None] = mapped_column(String(64))
    made_with: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Of `values.LATER_FACTS`, those that are not None; empty in rows of older versions."""
    messages: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """`sentence` and `refer_reason` as `errors.to_json` writes them; see `store.messages`."""
    ms: Mapped[dict[str, Any]] = mapped_column(JSON)
    asked_by: Mapped[str | None] = mapped_column(String(32), index=True)
    """Public id of the account. No foreign key: records outlive accounts."""
    case_reference: Mapped[str | None] = mapped_column(String(64), index=True)
    birth_date: Mapped[date | None]
    photo_date: Mapped[date | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    """Of `store.derived.OUTCOMES`. Like the three below, derived from records and not part of the log."""
    verdict: Mapped[str | None] = mapped_column(String(16))
    """Of `values.VERDICTS`; empty where no birth date is declared."""
    decision: Mapped[str | None] = mapped_column(String(16))
    """Kind of the current decision; empty while there is none."""
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the current decision was made."""
    neighbours: Mapped[list[NeighbourRow]] = relationship(
        order_by="NeighbourRow.rank", cascade="all, delete-orphan", passive_deletes=True
    )


class NeighbourRow(Table):
    """A face near a judged one, as labelled then. `face_id` is no foreign key: records outlive faces."""

    __tablename__ = "neighbours"

    estimate: Mapped[EstimateKey]
    rank: Mapped[int] = mapped_column(primary_key=True)
    face_id: Mapped[str] = mapped_column(String(64))
    age_years: Mapped[float]
    distance: Mapped[float]
    estimated_age_years: Mapped[float | None]


class CropRow(Table):
    """The judged crop as PNG, exactly the pixels that the model saw."""

    __tablename__ = "crops"

    estimate: Mapped[EstimateKey]
    png: Mapped[bytes] = mapped_column(LargeBinary)


class PhotoRow(Table):
    """A photo that is kept, encrypted; gone with its estimate, or when its time is over."""

    __tablename__ = "photos"

    estimate: Mapped[EstimateKey]
    kept_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    token: Mapped[bytes] = mapped_column(LargeBinary)
    """As Fernet writes it: the text of a token in base64."""


class ErasedEstimateRow(Table):
    """That there was an estimate of that id. What the erasure took away is in its receipt in the log."""

    __tablename__ = "erased_estimates"

    public_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DecisionRow(Table):
    """What a person decided on an estimate. Rows are added, never changed: a trigger sees to it.

    The highest `number` of an estimate counts. Being unique, it lets one of two rivals through.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        UniqueConstraint("estimate", "number", name="uq_decisions_estimate"),
        Index("ix_decisions_kind", "kind", "created_at"),
    )

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    estimate: Mapped[int] = mapped_column(ForeignKey("estimates.sequence", ondelete="CASCADE"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    age_years: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(32), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UserRow(Table):
    """An account. Accounts are closed, never deleted: records name them."""

    __tablename__ = "users"
    __table_args__ = (Index("ix_users_oidc", "oidc_issuer", "oidc_subject", unique=True),)

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(64))
    name_key: Mapped[str] = mapped_column(String(192), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    epoch: Mapped[int]
    link_sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    link_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    team: Mapped[str | None] = mapped_column(String(64))
    mail_address: Mapped[str | None] = mapped_column(String(254))
    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Encrypted with a key derived from the session key."""
    totp_set_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)
    """Time step of the last code that was accepted: no code counts twice."""
    oidc_issuer: Mapped[str | None] = mapped_column(String(255))
    oidc_subject: Mapped[str | None] = mapped_column(String(255))


class SignInClientRow(Table):
    """How often a client failed to open an account (`domain.accounts.sign_in.Tally`)."""

    __tablename__ = "sign_in_clients"

    account: Mapped[int] = mapped_column(ForeignKey("users.sequence"), primary_key=True, autoincrement=False)
    client: Mapped[str] = mapped_column(String(80), primary_key=True)
    """A digest of a browser's cookie or of a network, or what stands for all unknown clients together."""
    failed: Mapped[float]
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    succeeded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UnfinishedErasureRow(Table):
    """That the files of the database may still hold what was erased; gone once they no longer do."""

    __tablename__ = "unfinished_erasures"

    event: Mapped[int] = mapped_column(ForeignKey("events.seq"), primary_key=True, autoincrement=False)
    """Number of the receipt."""
    tables: Mapped[list[str]] = mapped_column(JSON)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class BatchRow(Table):
    """Photos that were sent together, to be judged one after another."""

    __tablename__ = "batches"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_by: Mapped[str] = mapped_column(String(32))
    problem: Mapped[str | None]
    """Why its photos cannot be judged just now, as a sentence; gone with the next photo that is."""
    problem_message: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    notes: Mapped[str | None] = mapped_column(Text)
    """`values.BatchNotes` as JSON; gone with the first erased photo: file names may name people."""


class BatchPhotoRow(Table):
    """One photo of a batch: waiting, or what became of it. Its bytes lie outside, until they are judged."""

    __tablename__ = "batch_photos"
    __table_args__ = (
        Index("ix_batch_photos_batch_status", "batch", "status"),
        partial_index("ix_batch_photos_waiting", ("batch", "attempts", "position"), "status = 'waiting'"),
    )

    batch: Mapped[int] = mapped_column(ForeignKey("batches.sequence", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    photo_name: Mapped[str] = mapped_column(String(255))
    case_reference: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    code: Mapped[str | None] = mapped_column(String(64))
    sentence: Mapped[str | None]
    message: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What `sentence` says, as `errors.to_json` writes it."""
    estimate_id: Mapped[str | None] = mapped_column(String(32), index=True)
    """Public id of the record. No foreign key: a record may be erased."""
    age_years: Mapped[float | None]
    birth_date: Mapped[date | None]
    photo_date: Mapped[date | None]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """On the disk while it waits; empty in batches that were sent before it was counted."""
    leased_by: Mapped[str | None] = mapped_column(String(64))
    """The worker that judges it; empty while nobody does."""
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """After which another worker may take it."""


class IndexSwitchRow(Table):
    """That another index build was put into service. Rows are added, never changed."""

    __tablename__ = "index_switches"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    label: Mapped[str] = mapped_column(String(130))
    previous: Mapped[str | None] = mapped_column(String(130))
    switched_at: Mapped[datetime] = mapped_column(UtcDateTime)
    switched_by: Mapped[str | None] = mapped_column(String(32))
    """Public id of the account; empty where it was done on the command line."""


class EventRow(Table):
    """A link of the chain; see `values.events.Event`. Triggers let rows be added at the end and nothing else.

    The time is text, so that every byte of it is covered by the hash, whatever the database.
    """

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_subject", "subject", "kind"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(27), index=True)
    kind: Mapped[str] = mapped_column(String(16), index=True)
    actor: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(160))
    content_sha256: Mapped[str] = mapped_column(String(64))
    previous_sha256: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)


class EventContentRow(Table):
    """What an event says beside the chain. Triggers let rows be added, and erased, but never changed.

    Contents of erasures, retention and settings cannot be erased: the first two are receipts, the last say
    where the log begins.
    """

    __tablename__ = "event_contents"

    seq: Mapped[int] = mapped_column(ForeignKey("events.seq"), primary_key=True, autoincrement=False)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    content: Mapped[str] = mapped_column(Text)
    """Canonical JSON."""


class ModelSwitchRow(Table):
    """That the service began to answer with another model, or another model.json. Rows are only added."""

    __tablename__ = "model_switches"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1 and up without a gap: of two workers that see the same switch, one puts it on record."""
    bundle_sha256: Mapped[str] = mapped_column(String(64))
    model_sha256: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(128))
    switched_at: Mapped[datetime] = mapped_column(UtcDateTime)


class VerificationRow(Table):
    """A verification of the log: its progress while it runs, then what it found."""

    __tablename__ = "verifications"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1 and up without a gap: of two that begin at the same time, one is refused."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_by: Mapped[str] = mapped_column(String(64))
    done: Mapped[int]
    total: Mapped[int]
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    found: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """`values.events.LogState`; empty while it runs, and if it failed."""
