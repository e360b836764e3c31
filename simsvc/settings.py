"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from simsvc.domain.accounts.contacts import MAIL
from simsvc.domain.audit.tree.signed_note import COSIGNATURE, is_name, parse_vkey
from simsvc.domain.estimate.age_prior import AgePrior, parse_age_prior
from simsvc.domain.photo.decode import MAX_BYTES
from simsvc.errors import SettingsError, VerifierKeyRefused
from simsvc.values import ROLES, Role

PACKAGE_DIR = Path(__file__).resolve().parent
MOST_PORT = 65_535
"""Source: RFC 9293, section 3.1."""
LEAST_KEY_CHARACTERS = 32
FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
"""32 bytes in URL-safe base64. Source: the Fernet specification, "Key Format"."""
RATE = re.compile(r"[1-9]\d{0,6} per (second|minute|hour|day)")
SYSLOG_SCHEMES = ("syslog", "syslog+tls", "syslog+udp")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
SCRIPT_NAME = re.compile(r"(/[A-Za-z0-9._~-]+)+")
"""What a prefix may be. Source: RFC 3986, unreserved characters."""


def cores() -> int:
    """Return how many cores this process may use; containers and taskset allow fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _home() -> Path:
    """Return the checkout that this package lies in, or else the working folder."""
    checkout = PACKAGE_DIR.parent
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


def _templates_dir() -> Path:
    """Return the pages of the wheel, or else of the checkout."""
    packaged = PACKAGE_DIR / "templates"
    return packaged if packaged.is_dir() else PACKAGE_DIR.parent / "templates"


def _variable(info: ValidationInfo) -> str:
    return f"SIMSVC_{str(info.field_name).upper()}"


def _flag(text: str, info: ValidationInfo) -> bool:
    if text not in {"0", "1"}:
        raise SettingsError("switch", setting=_variable(info), text=text)
    return text == "1"


def _rate(text: str, info: ValidationInfo) -> str:
    if not RATE.fullmatch(text):
        raise SettingsError("rate", setting=_variable(info), text=text)
    return text


def _bind(text: str) -> str:
    _, separator, port = text.rpartition(":")
    local = text.startswith(("unix:", "fd://"))
    if not local and not (separator and port.isascii() and port.isdigit() and int(port) <= MOST_PORT):
        raise SettingsError("bind", text=text)
    return text


def _script_name(text: str) -> str:
    path = text.rstrip("/")
    if path and not SCRIPT_NAME.fullmatch(path):
        raise SettingsError("script_name", text=text)
    return path


def _public_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise SettingsError("public_url", text=text)
    return text.rstrip("/")


def _secret_key(key: str) -> str:
    if len(key) < LEAST_KEY_CHARACTERS:
        raise SettingsError("short_key", least=LEAST_KEY_CHARACTERS)
    return key


def _webhook_url(text: str) -> str:
    if not text.startswith(("http://", "https://")) or not urlsplit(text).hostname:
        raise SettingsError("webhook_url")
    return text


def _webhook_secret(secret: str) -> str:
    if len(secret) < LEAST_KEY_CHARACTERS:
        raise SettingsError("webhook_secret", least=LEAST_KEY_CHARACTERS)
    return secret


def _witnesses(text: str) -> tuple[str, ...]:
    """Return the addresses of the witnesses; plain HTTP is for receivers on this machine alone."""
    urls = tuple(url for part in text.split(",") if (url := part.strip()))
    for number, url in enumerate(urls, start=1):
        if not _is_witness(url):
            raise SettingsError("witness", number=number)
    return urls


def _is_witness(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a port that is no number
        return False
    scheme = parts.scheme.removeprefix("witness+")
    if scheme == "file":
        return not parts.netloc and parts.path.startswith("/") and not parts.path.endswith("/")
    if scheme in SYSLOG_SCHEMES:
        return _is_syslog(url)
    if scheme == "s3":
        return bool(parts.hostname)
    if parts.scheme.startswith("witness+") and not _is_witness_key(unquote(parts.fragment)):
        return False
    local = scheme == "http" and parts.hostname in LOCAL_HOSTS
    return bool(parts.hostname) and port != 0 and (scheme == "https" or local)


def _is_witness_key(vkey: str) -> bool:
    try:
        return parse_vkey(vkey).algorithm == COSIGNATURE
    except VerifierKeyRefused:
        return False


def _is_syslog(url: str) -> bool:
    try:
        parts = urlsplit(url)
        remote = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False
    local = parts.scheme == "syslog" and not parts.netloc and parts.path.startswith("/")
    return parts.scheme in SYSLOG_SCHEMES and (local or remote)


def _objects(text: str) -> str:
    """Return the address of the object store, without password or query."""
    parts = urlsplit(text)
    known = {"s3": bool(parts.netloc), "file": not parts.netloc and len(parts.path) > 1}
    plain = not (parts.query or parts.fragment or "@" in parts.netloc) and ".." not in parts.path.split("/")
    if not plain or not known.get(parts.scheme, False):
        raise SettingsError("objects")
    return text.rstrip("/")


def _objects_endpoint(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise SettingsError("objects_endpoint")
    return text.rstrip("/")


def _event_stream(text: str) -> str:
    usable = _is_syslog(text)
    if not usable and text.startswith(("http://", "https://")):
        try:
            usable = bool(urlsplit(text).hostname) and urlsplit(text).port != 0
        except ValueError:
            usable = False
    if not usable:
        raise SettingsError("event_stream")
    return text


def _event_stream_secret(secret: str) -> str:
    if len(secret) < LEAST_KEY_CHARACTERS:
        raise SettingsError("event_stream_secret", least=LEAST_KEY_CHARACTERS)
    return secret


def _smtp_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"smtp", "smtps"} and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable:
        raise SettingsError("smtp_url")
    return text


def _mail_from(text: str) -> str:
    if not MAIL.fullmatch(text):
        raise SettingsError("mail_from")
    return text


def _log_origin(text: str) -> str:
    if not is_name(text):
        raise SettingsError("log_origin", text=text)
    return text


def _photo_keys(text: str) -> tuple[str, ...]:
    keys = tuple(key for part in text.split(",") if (key := part.strip()))
    if not all(FERNET_KEY.fullmatch(key) for key in keys):
        raise SettingsError("photo_keys")
    return keys


def _oidc_issuer(text: str) -> str:
    """Return the issuer as it is written in tokens; HTTP is for tests on this machine alone."""
    parts = urlsplit(text)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL_HOSTS)
    if not safe or not parts.netloc or parts.query or parts.fragment:
        raise SettingsError("oidc_issuer", text=text)
    return text


def _oidc_roles(text: str) -> dict[str, Role]:
    """Return the role of each group."""
    given = [part.rpartition("=") for part in text.split(",") if part.strip()]
    known: dict[str, Role] = {role: role for role in ROLES}
    if not all(group.strip() and role.strip() in known for group, _, role in given):
        raise SettingsError("oidc_roles", text=text, roles=", ".join(ROLES))
    return {group.strip(): known[role.strip()] for group, _, role in given}


def _age_prior(text: str) -> AgePrior | None:
    """Return the prior, which is given in the variable itself or in the file that it names."""
    text = text.strip()
    if not text or text[0].isdecimal():
        return parse_age_prior(text) if text else None
    try:
        written = Path(text).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        raise SettingsError("age_prior", text=text) from None
    return parse_age_prior(written, f"SIMSVC_AGE_PRIOR ({Path(text).name})")


Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
Whole = Annotated[int, BeforeValidator(int)]  # which refuses "1.0"
Flag = Annotated[bool, PlainValidator(_flag)]
Rate = Annotated[str, AfterValidator(_rate)]


class Settings(BaseSettings):
    """What may differ between two installations.

    A field is set by SIMSVC_<FIELD> or its alias; one without a description follows from the installation.
    """

    model_config = SettingsConfigDict(
        alias_generator=lambda name: f"SIMSVC_{name.upper()}",
        case_sensitive=True,
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    bundle_dir: Folder = Field(
        default=PACKAGE_DIR / "bundle" / "model", description="folder of the model bundle"
    )
    gallery_dir: Folder = Field(
        default=PACKAGE_DIR / "bundle" / "gallery", description="folder of the demo gallery"
    )
    index_root: Folder = Field(
        default_factory=lambda: _home() / "indexes",
        description="folder of the indexes that `flask index build` writes and the service reads",
    )
    index_engine: Literal["annoy", "lance"] = Field(
        default="annoy",
        description="what searches new index builds: `annoy`, a forest that is mapped into memory; or "
        "`lance`, with `pip install 'simsvc[cluster]'`, which reads from disk only the partitions that a "
        "search needs, for more faces than memory holds; builds keep the engine they were made with",
    )
    database_url: str = Field(
        default_factory=lambda: f"sqlite:///{_home() / 'var' / 'simsvc.sqlite3'}",
        validation_alias="DATABASE_URL",
        description="database of all records; for PostgreSQL `postgresql://user:password@host/database`, "
        "with `pip install 'simsvc[postgres]'`",
    )
    templates_dir: Path = Field(default_factory=_templates_dir, validation_alias="templates_dir")
    database_pool: Whole = Field(
        default=5,
        ge=1,
        le=100,
        description="connections that each process keeps open to PostgreSQL; as many again under load",
    )
    statement_timeout_ms: Whole = Field(
        default=15_000,
        ge=100,
        le=3_600_000,
        description="milliseconds after which PostgreSQL cancels a statement",
    )
    host_name: str = Field(
        default="",
        max_length=64,
        description="name of this host, different from those of the others that share its PostgreSQL "
        "database; without it, its network name",
    )
    max_upload_bytes: Whole = Field(
        default=MAX_BYTES, ge=1_000, le=1_000_000_000, description="largest photo accepted, in bytes"
    )
    neighbours: Whole = Field(
        default=12, ge=1, le=100, description="number of most similar reference faces compared with each face"
    )
    ray_device: Literal["cpu", "cuda"] = Field(
        default="cpu",
        description="what runs the model on the hosts of a Ray cluster: `cpu`, or `cuda` with one process "
        "for each GPU and `onnxruntime-gpu` installed there; `cuda` is not tested",
    )
    ray_workers: Whole = Field(
        default=0,
        ge=0,
        le=100_000,
        description="most processes on a Ray cluster; `0` for one on each of its cores, or its GPUs with "
        "`SIMSVC_RAY_DEVICE=cuda`, when the work begins. More than it has makes Ray's autoscaler add hosts",
    )
    threads: Whole = Field(default=1, ge=1, le=64, description="model threads in each worker")
    workers: Whole = Field(default_factory=cores, ge=1, le=256, description="worker processes of the server")
    bind: Annotated[str, AfterValidator(_bind)] = Field(
        default="127.0.0.1:8000", description="address and port of the server (`make run` sets the port)"
    )
    script_name: Annotated[str, AfterValidator(_script_name)] = Field(
        default="",
        validation_alias="SCRIPT_NAME",
        description="URL path of the service, such as `/age`, if it is not `/`; all links begin with it",
    )
    secret_key: Annotated[str, AfterValidator(_secret_key)] = Field(
        default="",
        repr=False,
        validation_alias="SECRET_KEY",
        description="key that signs sessions; must be the same on all machines behind one address",
    )
    secret_key_file: Path = Field(
        default_factory=lambda: _home() / "var" / "secret-key", validation_alias="secret_key_file"
    )
    log_key_file: Folder | None = Field(
        default=None,
        description="file of the key that signs the audit log, created at the first start; the file "
        "`log-state.json` in its folder keeps what was signed last",
    )
    log_origin: Annotated[str, AfterValidator(_log_origin)] = Field(
        default="",
        description="name under which the audit log is signed, such as `age.example/log`; once it is signed, "
        "it keeps its name",
    )
    public_url: Annotated[str, AfterValidator(_public_url)] = Field(
        default="",
        description="public address of the service, such as `https://age.example`; used in one-time links",
    )
    tls: Flag = Field(
        default=False,
        description="`1` if the service is reached by HTTPS only: cookies are Secure, and browsers are told "
        "to use HTTPS (HSTS)",
    )
    proxies: Whole = Field(
        default=0,
        ge=0,
        le=10,
        description="number of reverse proxies whose `X-Forwarded-` headers are trusted",
    )
    idle_minutes: Whole = Field(
        default=30,
        ge=1,
        le=720,
        description="minutes of inactivity after which a session ends; every session ends after 12 hours",
    )
    second_factor: Literal["off", "optional", "required"] = Field(
        default="optional",
        description="codes of an authenticator app (TOTP) after the password: `off` neither offers nor asks "
        "for them, `optional` asks accounts that set them up, `required` asks every account",
    )
    password_sign_in: Flag = Field(
        default=True,
        description="`0` if people sign in through the OpenID provider only",
    )
    oidc_issuer: Annotated[str, AfterValidator(_oidc_issuer)] = Field(
        default="",
        description="issuer of the OpenID provider, such as `https://id.example/realms/staff`, exactly as "
        "in its tokens; with `pip install 'simsvc[oidc]'`",
    )
    oidc_client_id: str = Field(default="", description="client ID of simsvc at the OpenID provider")
    oidc_client_secret: str = Field(
        default="", repr=False, description="client secret at the OpenID provider; none for a public client"
    )
    oidc_accounts: Literal["invited", "created"] = Field(
        default="invited",
        description="who may sign in through the OpenID provider: `invited`, who used a one-time link to an "
        "account; or `created`, everybody with a role, for whom an account is made",
    )
    oidc_role_claim: str = Field(
        default="",
        description="claim with the groups or roles of a person, such as `groups` or `realm_access.roles`; "
        "the provider then decides the role at each sign-in, otherwise administrators do",
    )
    oidc_roles: Annotated[dict[str, Role], NoDecode, PlainValidator(_oidc_roles)] = Field(
        default_factory=dict,
        description="role of each group in the claim, such as `age-desk=underwriter, age-admins=admin`; "
        "without it, the claim holds the names of roles",
    )
    # an office behind one address signs in at nine; a guesser gets nowhere, see `domain.accounts.sign_in`
    sign_in_rate: Rate = Field(
        default="20 per minute",
        description="limit on sign-in attempts from one address, in Flask-Limiter's notation",
    )
    # more than two cores can process: it stops floods, not work
    upload_rate: Rate = Field(
        default="600 per minute", description="limit on photos from one account, token or address"
    )
    # 50 a second, which no honest program of an office needs for long
    api_rate: Rate = Field(
        default="3000 per minute",
        description="limit on requests with one token; a request that reads all records, such as an export "
        "or a verification, counts as 25, and is limited for accounts too",
    )
    rate_storage: str = Field(
        default="memory://",
        description="where requests are counted for these limits: `memory://`, separately in each worker, or "
        "a server such as `redis://`",
    )
    batch_dir: Folder = Field(
        default_factory=lambda: _home() / "var" / "batches",
        description="folder of the photos waiting in batches",
    )
    # several hundred photos from phones; a few such uploads do not fill a disk
    max_batch_bytes: Whole = Field(
        default=1_000_000_000,
        ge=1_000,
        le=100_000_000_000,
        description="largest upload of a batch or of reference faces, and largest total size of its unpacked "
        "photos, in bytes",
    )
    # an hour's work for one process that estimates five photos in four seconds on a busy core
    max_waiting_photos: Whole = Field(
        default=5_000, ge=1, le=10_000_000, description="most photos of one account that may wait in batches"
    )
    # 5,000 photos of 1 MB each, or five uploads of the largest kind
    max_waiting_bytes: Whole = Field(
        default=5_000_000_000,
        ge=1_000,
        le=100_000_000_000_000,
        description="most bytes of one account's photos that may wait in batches",
    )
    # some ten thousand records of 30 to 50 KB, and the database's write-ahead log
    disk_reserve_bytes: Whole = Field(
        default=500_000_000,
        ge=0,
        le=100_000_000_000_000,
        description="bytes that batches leave free on the disk of `SIMSVC_BATCH_DIR`",
    )
    import_dir: Folder = Field(
        default_factory=lambda: _home() / "var" / "imports",
        description="folder of reference photos that were uploaded in the browser and wait for a build",
    )
    # a week to look into doubtful labels
    import_days: Whole = Field(
        default=7, ge=1, le=365, description="days after which unused uploads of reference photos are deleted"
    )
    objects: Annotated[str, AfterValidator(_objects)] = Field(
        default="",
        description="where index builds, kept models, waiting photos and uploaded reference photos are, if "
        "several hosts share them: `s3://bucket/prefix`, with `pip install 'simsvc[cluster]'`, or "
        "`file:///folder` on a disk that all of them mount; without it, in the folders of this machine",
    )
    objects_endpoint: Annotated[str, AfterValidator(_objects_endpoint)] = Field(
        default="",
        description="address of the server of `s3://` objects, such as `https://s3.example`, if not Amazon's",
    )
    cache_dir: Folder = Field(
        default_factory=lambda: _home() / "var" / "cache",
        description="folder of local copies of index builds and models from the object store",
    )
    # some 15 builds of a million faces each
    cache_bytes: Whole = Field(
        default=50_000_000_000,
        ge=1_000_000,
        le=100_000_000_000_000,
        description="most bytes of these copies; those that were not used for longest are dropped",
    )
    batch_worker: Flag = Field(
        default=True,
        description="`0` if you run `flask batch work` yourself; otherwise the server runs it",
    )
    model_root: Folder = Field(
        default_factory=lambda: _home() / "var" / "models",
        description="folder of copies of all models that were in service, for replays of their estimates",
    )
    photo_days: Whole = Field(
        default=0, ge=0, le=3_650, description="days for which photos are kept, encrypted; `0` keeps none"
    )
    photo_keys: Annotated[tuple[str, ...], NoDecode, PlainValidator(_photo_keys)] = Field(
        default=(),
        repr=False,
        description="Fernet keys, separated by commas; the first encrypts new photos, all decrypt",
    )
    engine: Literal["onnxruntime", "openvino", "torch"] = Field(
        default="onnxruntime",
        description="engine that runs the model: `onnxruntime`; `openvino`, with `pip install "
        "'simsvc[openvino]'`, which computes in bfloat16 where the processor does (AMX, AVX-512) and is then "
        "the fastest; or `torch`, with `pip install 'simsvc[train]'`; their results agree within the "
        "tolerance of a replay",
    )
    age_prior: Annotated[AgePrior | None, NoDecode, PlainValidator(_age_prior)] = Field(
        default=None,
        description="how common each age is among the applicants, for estimates to take into account: a "
        "range such as `18-75`, pairs of age and weight such as `18:3, 19:4.5`, or a file of such pairs",
    )
    case_access: Literal["own", "all"] = Field(
        default="own",
        description="records that an underwriter sees: `own`, those she requested or was sent, and their "
        "cases; or `all`",
    )
    require_read_log: Flag = Field(
        default=False,
        description="`1` if records are shown only once the view is in the audit log: each view waits for "
        "its event, and is refused while the database cannot be written",
    )
    log_addresses: Flag = Field(
        default=False,
        description="`1` if views of records are logged with the network address of the person or program",
    )
    # tests that count events have none of reads; an installation cannot do without
    audits_reads: bool = Field(default=True, validation_alias="audits_reads")
    webhook_url: Annotated[str, AfterValidator(_webhook_url)] = Field(
        default="", repr=False, description="address that notifications of referrals are posted to"
    )
    webhook_secret: Annotated[str, AfterValidator(_webhook_secret)] = Field(
        default="", repr=False, description="key that signs these notifications"
    )
    smtp_url: Annotated[str, AfterValidator(_smtp_url)] = Field(
        default="",
        repr=False,
        description="mail server for notifications, such as `smtp://user:password@mail.example:587` "
        "(STARTTLS) or `smtps://mail.example`",
    )
    mail_from: Annotated[str, AfterValidator(_mail_from)] = Field(
        default="", description="sender of these mails, such as `simsvc@example.com`"
    )
    witnesses: Annotated[tuple[str, ...], NoDecode, PlainValidator(_witnesses)] = Field(
        default=(),
        repr=False,
        description="where each checkpoint of the log is sent, separated by commas: `file:/path`, "
        "`https://...`, `syslog://host:port`, `s3://bucket/prefix`, or `witness+https://host/#vkey` for a "
        "C2SP witness",
    )
    witness_required: Flag = Field(
        default=False,
        description="`1` to answer estimates with 503 while the newest checkpoint that a witness has is "
        "older than 10 minutes",
    )
    aws_access_key_id: str = Field(
        default="",
        repr=False,
        validation_alias="AWS_ACCESS_KEY_ID",
        description="access key for `s3://` witnesses and objects",
    )
    aws_secret_access_key: str = Field(
        default="", repr=False, validation_alias="AWS_SECRET_ACCESS_KEY", description="its secret"
    )
    aws_session_token: str = Field(
        default="",
        repr=False,
        validation_alias="AWS_SESSION_TOKEN",
        description="session token of temporary credentials",
    )
    aws_region: str = Field(
        default="us-east-1",
        validation_alias="AWS_REGION",
        description="region of `s3://` witnesses and objects",
    )
    event_stream: Annotated[str, AfterValidator(_event_stream)] = Field(
        default="",
        repr=False,
        description="where every event of the log is sent as it is written: `syslog://host:port`, "
        "`syslog+tls://host:port`, `syslog:///dev/log`, or the `https://` address of a webhook",
    )
    event_stream_secret: Annotated[str, AfterValidator(_event_stream_secret)] = Field(
        default="", repr=False, description="key that signs events sent to a webhook"
    )
    event_stream_content: Flag = Field(
        default=False,
        description="`1` to send the contents of events as well; they hold personal data, which cannot be "
        "erased where they were sent",
    )
    same_person_prompt: Flag = Field(
        default=True,
        description="`0` to never ask on case pages whether two photos show the same person; where comparing "
        "faces needs consent or is not allowed, switch it off",
    )
    log: Literal["json", "text"] = Field(default="json", description="format of the log, `json` or `text`")

    @property
    def host(self) -> str:
        """Name of this host."""
        return self.host_name or socket.gethostname()[:64]

    @property
    def log_key_path(self) -> Path:
        """File of the key that signs the log: beside that of the session key, unless set."""
        return self.log_key_file or self.secret_key_file.with_name("log-key.pem")

    @model_validator(mode="after")
    def _has_photo_keys(self) -> Settings:
        if self.photo_days and not self.photo_keys:
            raise SettingsError("photo_days")
        return self

    @model_validator(mode="after")
    def _can_notify(self) -> Settings:
        if self.webhook_url and not self.webhook_secret:
            raise SettingsError("webhook_unsigned")
        if self.smtp_url and not self.mail_from:
            raise SettingsError("mail_from")
        return self

    @model_validator(mode="after")
    def _can_stream(self) -> Settings:
        if self.event_stream.startswith("http") and not self.event_stream_secret:
            raise SettingsError("event_stream_unsigned")
        if self.witness_required and not self.witnesses:
            raise SettingsError("witness_required")
        return self

    @model_validator(mode="after")
    def _has_ways_in(self) -> Settings:
        if self.oidc_issuer and not self.oidc_client_id:
            raise SettingsError("oidc_client")
        if not self.password_sign_in and not self.oidc_issuer:
            raise SettingsError("no_sign_in")
        if self.oidc_accounts == "created" and not self.oidc_role_claim:
            raise SettingsError("oidc_created")
        return self


FOR_COMMANDS = (
    *("bundle_dir", "gallery_dir", "index_root", "index_engine", "model_root", "batch_dir", "import_dir"),
    *("database_url", "disk_reserve_bytes", "threads", "engine", "log"),
    *("objects", "objects_endpoint", "cache_dir", "cache_bytes"),
)
"""Settings that a command started by the service must share with it."""


def environment_of(settings: Settings) -> dict[str, str]:
    """Return environment variables that give a command the settings it must share with this process."""
    fields = Settings.model_fields
    return {str(fields[name].validation_alias): str(getattr(settings, name)) for name in FOR_COMMANDS}


class _Given(Settings):
    """Settings that come from arguments alone, whatever the environment of the process says."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - named so by the class above
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment, the process's own when None; what is not set has a default.

    Raises:
        SettingsError: a value cannot be used.
    """
    try:
        if environment is None:
            return Settings()
        given: dict[str, Any] = {name: text for name, text in environment.items() if text}
        return _Given(**given)
    except ValidationError as error:
        raise _refused(error.errors()[0]) from None


def _refused(error: ErrorDetails) -> SettingsError:
    name, text = str(error["loc"][0]), str(error["input"])
    rules = Settings.model_json_schema()["properties"][name]
    if "enum" in rules:
        return SettingsError("choice", setting=name, text=text, choices=" or ".join(rules["enum"]))
    return SettingsError("number", setting=name, text=text, least=rules["minimum"], most=rules["maximum"])
