"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from simsvc.adapters.inference.chosen_model import ENGINES, Engine
from simsvc.adapters.ops.logs import FORMS, Form
from simsvc.domain.estimate.age_prior import AgePrior, parse_age_prior
from simsvc.domain.photo.decode import MAX_BYTES
from simsvc.errors import SettingsError
from simsvc.store.database import POOL_SIZE, STATEMENT_TIMEOUT_MS, without_password

MOST_PORT = 65_535
"""Source: RFC 9293, section 3.1."""
PACKAGE_DIR = Path(__file__).resolve().parent
SIGN_IN_RATE = "20 per minute"
"""Of one address: an office behind one address signs in at nine; a guesser gets nowhere. Per account, see
`domain.accounts.sign_in`."""
UPLOAD_RATE = "600 per minute"
"""Of one account, token or address: more than two cores judge, so that it stops floods, not work."""
API_RATE = "3000 per minute"
"""Of one token: 50 a second, which no honest program of an office needs for long."""
LEAST_KEY_CHARACTERS = 32
FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
"""32 bytes in URL-safe base64. Source: the Fernet specification, "Key Format"."""
SCRIPT_NAME = re.compile(r"(/[A-Za-z0-9._~-]+)+")
"""What a prefix may be. Source: RFC 3986, unreserved characters."""
MAX_BATCH_BYTES = 1_000_000_000
"""Of one upload, and of its photos unpacked. Ours: several hundred photos as telephones make them, and a disk
that a few such uploads do not fill."""
MAX_WAITING_PHOTOS = 5_000
"""Of one account: an hour's work for one process that judges five photos in four seconds on a busy core."""
MAX_WAITING_BYTES = 5_000_000_000
"""Of one account: so many photos of 1 MB each, or five uploads of the largest kind."""
DISK_RESERVE_BYTES = 500_000_000
"""Kept free by batches: some ten thousand records of 30 to 50 KB, and the database's write-ahead log."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What may differ between two installations. Each field is set by SIMSVC_<FIELD>, or as noted.

    Attributes:
        bundle_dir: folder of the model bundle.
        gallery_dir: folder of the demo gallery.
        index_root: folder that `flask index build` writes to and the service reads from.
        database_url: where estimates are recorded; on PostgreSQL `postgresql://user:password@host/database`,
            with `pip install 'simsvc[postgres]'`.
        database_pool: connections that one process keeps open to PostgreSQL; as many again when all are busy.
        statement_timeout_ms: after which PostgreSQL ends a statement.
        templates_dir: folder of the Jinja pages; follows from the installation, not from the environment.
        max_upload_bytes: largest photo accepted.
        neighbours: how many labelled faces explain an estimate.
        threads: threads of the model in one worker.
        workers: worker processes of the server.
        bind: address and port of the server (`make run` sets the port).
        script_name: path below which people reach the service, such as `/age`; all links begin with it.
        secret_key: signs sessions; the same for all machines behind one address.
        secret_key_file: made on first use; follows from the installation.
        public_url: where people reach the service, such as `https://age.example`; begins one-time links.
        tls: `1` where people reach it by HTTPS only: cookies become Secure, and browsers are told so.
        proxies: reverse proxies in front whose `X-Forwarded-` headers are believed.
        idle_minutes: a session unused for so long ends; any session ends after 12 hours.
        sign_in_rate: sign-in attempts of one address, as Flask-Limiter writes it.
        upload_rate: photos of one account, token or address, likewise.
        api_rate: requests of one token, likewise; an export, a verification, or another walk through any
            number of records counts as 25, of an account too.
        rate_storage: where the rates are counted; `memory://` by each worker, or such as `redis://`.
        batch_dir: where the photos of batches wait and their queue lies; on the service's own machine.
        max_batch_bytes: largest upload of a batch, and of its photos unpacked.
        max_waiting_photos: photos of one account that may wait in batches.
        max_waiting_bytes: bytes of these photos.
        disk_reserve_bytes: room on the disk of `batch_dir` that batches leave free for everything else.
        batch_worker: `0` where `flask batch work` runs by itself instead of being started by the server.
        model_root: where a copy of every model that was in service is kept, so that its estimates can be
            replayed.
        photo_days: for how many days photos are kept, encrypted; `0` keeps none.
        photo_keys: Fernet keys, commas between; the first encrypts, all decrypt.
        engine: what runs the model, `onnxruntime`, or `openvino` with `pip install 'simsvc[openvino]'`, which
            is faster on Intel processors with VNNI or AMX; both answer alike within a replay's tolerance.
        age_prior: how common each age is among the applicants, which estimates then take into account: a span
            such as `18-75`, pairs of age and weight such as `18:3, 19:4.5`, or a file of such pairs.
        log: how log lines are written, `json` or `text`.
    """

    bundle_dir: Path
    gallery_dir: Path
    index_root: Path
    database_url: str
    templates_dir: Path
    database_pool: int = POOL_SIZE
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS
    max_upload_bytes: int = MAX_BYTES
    neighbours: int = 12
    threads: int = 1
    workers: int = 2
    bind: str = "127.0.0.1:8000"
    script_name: str = ""
    secret_key: str = field(default="", repr=False)
    secret_key_file: Path = Path("var/secret-key")
    public_url: str = ""
    tls: bool = False
    proxies: int = 0
    idle_minutes: int = 30
    sign_in_rate: str = SIGN_IN_RATE
    upload_rate: str = UPLOAD_RATE
    api_rate: str = API_RATE
    rate_storage: str = "memory://"
    batch_dir: Path = Path("var/batches")
    max_batch_bytes: int = MAX_BATCH_BYTES
    max_waiting_photos: int = MAX_WAITING_PHOTOS
    max_waiting_bytes: int = MAX_WAITING_BYTES
    disk_reserve_bytes: int = DISK_RESERVE_BYTES
    batch_worker: bool = True
    model_root: Path = Path("var/models")
    photo_days: int = 0
    photo_keys: tuple[str, ...] = field(default=(), repr=False)
    engine: Engine = "onnxruntime"
    age_prior: AgePrior | None = None
    log: Form = "json"

    def shown(self) -> dict[str, str]:
        """Return what may be logged: everything but secrets, addresses without their passwords."""
        plain = {entry.name: str(getattr(self, entry.name)) for entry in fields(self) if entry.repr}
        return {**plain, **{name: without_password(plain[name]) for name in ("database_url", "rate_storage")}}


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment; what is not set has a default that works.

    Args:
        environment: names to values; the process's own when None.

    Raises:
        SettingsError: a value cannot be used.
    """
    env = os.environ if environment is None else environment
    home = _home()
    return Settings(
        bundle_dir=_folder(env, "SIMSVC_BUNDLE_DIR", PACKAGE_DIR / "bundle" / "model"),
        gallery_dir=_folder(env, "SIMSVC_GALLERY_DIR", PACKAGE_DIR / "bundle" / "gallery"),
        index_root=_folder(env, "SIMSVC_INDEX_ROOT", home / "indexes"),
        database_url=env.get("DATABASE_URL") or f"sqlite:///{home / 'var' / 'simsvc.sqlite3'}",
        database_pool=_whole(env, "SIMSVC_DATABASE_POOL", POOL_SIZE, 1, 100),
        statement_timeout_ms=_whole(env, "SIMSVC_STATEMENT_TIMEOUT_MS", STATEMENT_TIMEOUT_MS, 100, 3_600_000),
        templates_dir=_templates_dir(),
        max_upload_bytes=_whole(env, "SIMSVC_MAX_UPLOAD_BYTES", MAX_BYTES, 1_000, 1_000_000_000),
        neighbours=_whole(env, "SIMSVC_NEIGHBOURS", 12, 1, 100),
        threads=_whole(env, "SIMSVC_THREADS", 1, 1, 64),
        workers=_whole(env, "SIMSVC_WORKERS", cores(), 1, 256),
        bind=_bind(env),
        script_name=_script_name(env),
        secret_key=_secret_key(env),
        secret_key_file=home / "var" / "secret-key",
        public_url=_public_url(env),
        tls=_flag(env, "SIMSVC_TLS", default=False),
        proxies=_whole(env, "SIMSVC_PROXIES", 0, 0, 10),
        idle_minutes=_whole(env, "SIMSVC_IDLE_MINUTES", 30, 1, 720),
        sign_in_rate=_rate(env, "SIMSVC_SIGN_IN_RATE", SIGN_IN_RATE),
        upload_rate=_rate(env, "SIMSVC_UPLOAD_RATE", UPLOAD_RATE),
        api_rate=_rate(env, "SIMSVC_API_RATE", API_RATE),
        rate_storage=env.get("SIMSVC_RATE_STORAGE") or "memory://",
        batch_dir=_folder(env, "SIMSVC_BATCH_DIR", home / "var" / "batches"),
        max_batch_bytes=_whole(env, "SIMSVC_MAX_BATCH_BYTES", MAX_BATCH_BYTES, 1_000, 100_000_000_000),
        max_waiting_photos=_whole(env, "SIMSVC_MAX_WAITING_PHOTOS", MAX_WAITING_PHOTOS, 1, 10_000_000),
        max_waiting_bytes=_whole(
            env, "SIMSVC_MAX_WAITING_BYTES", MAX_WAITING_BYTES, 1_000, 100_000_000_000_000
        ),
        disk_reserve_bytes=_whole(
            env, "SIMSVC_DISK_RESERVE_BYTES", DISK_RESERVE_BYTES, 0, 100_000_000_000_000
        ),
        batch_worker=_flag(env, "SIMSVC_BATCH_WORKER", default=True),
        model_root=_folder(env, "SIMSVC_MODEL_ROOT", home / "var" / "models"),
        photo_days=_whole(env, "SIMSVC_PHOTO_DAYS", 0, 0, 3_650),
        photo_keys=_photo_keys(env),
        engine=_engine(env),
        age_prior=_age_prior(env),
        log=_form(env),
    )


def _home() -> Path:
    """Return the checkout that this package lies in, or else the working folder."""
    checkout = PACKAGE_DIR.parent
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


def _templates_dir() -> Path:
    """Return the pages of the wheel, or else of the checkout."""
    packaged = PACKAGE_DIR / "templates"
    return packaged if packaged.is_dir() else PACKAGE_DIR.parent / "templates"


def cores() -> int:
    """Return how many cores this process may use; containers and taskset allow fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _folder(env: Mapping[str, str], name: str, default: Path) -> Path:
    return Path(env[name]).expanduser().absolute() if env.get(name) else default


def _whole(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name) or str(default)
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise SettingsError("number", setting=name, text=text, least=least, most=most)
    return value


def _secret_key(env: Mapping[str, str]) -> str:
    key = env.get("SECRET_KEY", "")
    if key and len(key) < LEAST_KEY_CHARACTERS:
        raise SettingsError("short_key", least=LEAST_KEY_CHARACTERS)
    return key


def _photo_keys(env: Mapping[str, str]) -> tuple[str, ...]:
    keys = tuple(key for part in env.get("SIMSVC_PHOTO_KEYS", "").split(",") if (key := part.strip()))
    if not all(FERNET_KEY.fullmatch(key) for key in keys):
        raise SettingsError("photo_keys")
    if not keys and (env.get("SIMSVC_PHOTO_DAYS") or "0") != "0":
        raise SettingsError("photo_days")
    return keys


def _public_url(env: Mapping[str, str]) -> str:
    url = env.get("SIMSVC_PUBLIC_URL", "")
    if url and not url.startswith(("http://", "https://")):
        raise SettingsError("public_url", url=url)
    return url.rstrip("/")


def _bind(env: Mapping[str, str]) -> str:
    """Return an address as gunicorn takes it: host and port, or a socket of this machine."""
    text = env.get("SIMSVC_BIND") or "127.0.0.1:8000"
    _, separator, port = text.rpartition(":")
    local = text.startswith(("unix:", "fd://"))
    if not local and not (separator and port.isascii() and port.isdigit() and int(port) <= MOST_PORT):
        raise SettingsError("bind", text=text)
    return text


def _script_name(env: Mapping[str, str]) -> str:
    path = env.get("SCRIPT_NAME", "").rstrip("/")
    if path and not SCRIPT_NAME.fullmatch(path):
        raise SettingsError("script_name", path=path)
    return path


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name) or str(int(default))
    if text not in {"0", "1"}:
        raise SettingsError("switch", setting=name, text=text)
    return text == "1"


def _form(env: Mapping[str, str]) -> Form:
    text = env.get("SIMSVC_LOG") or "json"
    for form in FORMS:
        if text == form:
            return form
    raise SettingsError("log", text=text)


def _engine(env: Mapping[str, str]) -> Engine:
    text = env.get("SIMSVC_ENGINE") or ENGINES[0]
    for engine in ENGINES:
        if text == engine:
            return engine
    raise SettingsError("engine", text=text, engines=" or ".join(ENGINES))


def _age_prior(env: Mapping[str, str]) -> AgePrior | None:
    """Return the prior, which stands in the variable itself or in the file that it names."""
    text = env.get("SIMSVC_AGE_PRIOR", "").strip()
    if not text or text[0].isdecimal():
        return parse_age_prior(text) if text else None
    try:
        written = Path(text).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        raise SettingsError("age_prior", text=text) from None
    return parse_age_prior(written, f"SIMSVC_AGE_PRIOR ({Path(text).name})")


def _rate(env: Mapping[str, str], name: str, default: str) -> str:
    text = env.get(name) or default
    if not re.fullmatch(r"[1-9]\d{0,6} per (second|minute|hour|day)", text):
        raise SettingsError("form", setting=name, text=text, default=repr(default))
    return text
