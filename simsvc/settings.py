"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simsvc.errors import SettingsError
from simsvc.steps.decode import MAX_BYTES

PACKAGE_DIR = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Settings:
    """What may differ between two installations. Each field is set by SIMSVC_<FIELD>, or as noted.

    Attributes:
        bundle_dir: folder of the model bundle.
        gallery_dir: folder of the demo gallery.
        index_root: folder that `flask index build` writes to and the service reads from.
        database_url: as SQLAlchemy writes it; set by DATABASE_URL.
        templates_dir: folder of the Jinja pages; follows from the installation, not from the environment.
        max_upload_bytes: largest photo accepted.
        neighbours: how many labelled faces explain an estimate.
        threads: threads of the model in one worker.
        workers: worker processes of the server.
        bind: address and port of the server.
    """

    bundle_dir: Path
    gallery_dir: Path
    index_root: Path
    database_url: str
    templates_dir: Path
    max_upload_bytes: int = MAX_BYTES
    neighbours: int = 12
    threads: int = 1
    workers: int = 2
    bind: str = "127.0.0.1:8000"


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
        templates_dir=_templates_dir(),
        max_upload_bytes=_whole(env, "SIMSVC_MAX_UPLOAD_BYTES", MAX_BYTES, 1_000, 1_000_000_000),
        neighbours=_whole(env, "SIMSVC_NEIGHBOURS", 12, 1, 100),
        threads=_whole(env, "SIMSVC_THREADS", 1, 1, 64),
        workers=_whole(env, "SIMSVC_WORKERS", _cores(), 1, 256),
        bind=env.get("SIMSVC_BIND") or "127.0.0.1:8000",
    )


def _home() -> Path:
    """Return the checkout that this package lies in, or else the working folder."""
    checkout = PACKAGE_DIR.parent
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


def _templates_dir() -> Path:
    """Return the pages of the wheel, or else of the checkout."""
    packaged = PACKAGE_DIR / "templates"
    return packaged if packaged.is_dir() else PACKAGE_DIR.parent / "templates"


def _cores() -> int:
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
        raise SettingsError(
            f"{name} is {text!r}, but must be a whole number from {least} to {most}. "
            "Correct it in the environment and start again."
        )
    return value
