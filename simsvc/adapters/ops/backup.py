"""Backups: a snapshot of the database and the files that its records refer to.

The database is copied first. Builds, kept models and face changes are only added while the service runs, so
files copied later include everything in its records. Source: SQLite, "Using the SQLite Online Backup API";
PostgreSQL's manual, "pg_dump": a dump is one snapshot.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import URL, make_url

from simsvc.adapters.ops.atomic_files import difference, fingerprint, sync
from simsvc.adapters.ops.private_files import PrivatePlaces
from simsvc.domain.gallery.manifest import Fingerprint
from simsvc.errors import BackupRefused

FORMAT = 1
MANIFEST = "manifest.json"
SQLITE, DUMP = "database.sqlite3", "database.dump"
PAGES_A_STEP = 4_096
"""Pages per step of SQLite's copy, 16 MB, with time for writers in between."""
LEFT = "README.md"
"""Files in the index folder of a checkout that are not indexes."""


@dataclass(frozen=True, slots=True)
class Places:
    """Locations to back up: folders by name in the backup, and a session key that may be missing."""

    database_url: str
    folders: Mapping[str, Path]
    secret_key_file: Path


def make(places: Places, out: Path, about: Mapping[str, str]) -> int:
    """Copy everything into a new folder, all or nothing, and return its size in bytes.

    Raises BackupRefused if the folder exists, or something cannot be copied.
    """
    if out.exists():
        raise BackupRefused("name_taken")
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
        _copy_database(make_url(places.database_url), draft)
        for name, folder in places.folders.items():
            _copy_children(folder, draft / name)
        if places.secret_key_file.is_file():
            shutil.copy2(places.secret_key_file, draft / "secret-key")
        files = {str(path.relative_to(draft)): fingerprint(path) for path in _files(draft)}
        stated = {"format": FORMAT, **about, "files": {name: asdict(one) for name, one in files.items()}}
        (draft / MANIFEST).write_text(json.dumps(stated, indent=1))
        PrivatePlaces((draft,), ()).close()
        for path in _files(draft):
            sync(path)
        draft.rename(out)
        sync(out.parent)
    except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise BackupRefused("not_made", problem=_words(error)) from error
    return sum(one.bytes for one in files.values())


def opened(folder: Path) -> dict[str, str]:
    """Verify a backup, and return its manifest; raises BackupRefused if it is none, or damaged."""
    try:
        stated = json.loads((folder / MANIFEST).read_text())
        files = {str(name): Fingerprint(**one) for name, one in stated.pop("files").items()}
        if stated.pop("format") != FORMAT:
            raise BackupRefused("newer")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupRefused("no_backup") from error
    wrong = difference(folder, files)
    if wrong:
        raise BackupRefused("damaged", problem=wrong)
    return {str(name): str(value) for name, value in stated.items()}


def require_kind(folder: Path, places: Places) -> None:
    """Raise BackupRefused if the backup is of the other kind of database."""
    on_sqlite = _is_sqlite(make_url(places.database_url))
    if on_sqlite and not (folder / SQLITE).is_file():
        raise BackupRefused("of_postgresql")
    if not on_sqlite and not (folder / DUMP).is_file():
        raise BackupRefused("of_sqlite")


def occupied(places: Places) -> bool:
    """Return whether there are files where a backup would be restored."""
    url = make_url(places.database_url)
    file = Path(url.database or "") if _is_sqlite(url) else None
    return bool(file and file.exists()) or any(any(_children(folder)) for folder in places.folders.values())


def dump_aside(places: Places, stamp: str) -> Path:
    """Dump a PostgreSQL database into a new file next to the index folder, and return the file.

    Raises BackupRefused if it cannot be dumped.
    """
    kept = places.folders["indexes"].with_name(f"{DUMP}.before-{stamp}")
    draft = kept.with_name(f".{kept.name}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft.touch(mode=0o600)
        _dump(make_url(places.database_url), draft)
        sync(draft)
        draft.rename(kept)
        sync(kept.parent)
    except (OSError, subprocess.SubprocessError) as error:
        draft.unlink(missing_ok=True)
        raise BackupRefused("not_restored", problem=_words(error), left="") from error
    return kept


def dump_script(folder: Path) -> Generator[bytes]:
    """Yield the lines of the SQL script that restores the dump in a backup.

    Raises BackupRefused if the dump cannot be read to its end.
    """
    command = ("pg_restore", "--clean", "--if-exists", "--no-owner", "--file=-", str(folder / DUMP))
    try:
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as program,  # noqa: S603
        ):
            yield from program.stdout or ()
            if program.wait():
                errors.seek(0)
                raise OSError(_last_line(errors.read().decode(errors="replace")) or "pg_restore failed")
    except OSError as error:
        raise BackupRefused("not_restored", problem=_words(error), left="") from error


def put_back(folder: Path, places: Places, stamp: str) -> tuple[Path, ...]:
    """Restore the files of a verified backup, and return the new paths of previous data.

    Everything is copied next to its destination, then renamed; previous data gets the suffix `stamp`.
    PostgreSQL's tables are not files: see `dump_script`.
    Raises BackupRefused if something cannot be written; previous data is kept.
    """
    aside: list[Path] = []
    try:
        for name, root in places.folders.items():
            aside += _exchange_children(folder / name, root, stamp)
        if (folder / "secret-key").is_file():
            aside += _exchange_file(folder / "secret-key", places.secret_key_file, stamp)
        if _is_sqlite(url := make_url(places.database_url)):
            aside += _put_sqlite_back(Path(url.database or ""), folder, stamp)
        moved = tuple(path for path in aside if path.is_dir())
        PrivatePlaces((*places.folders.values(), *moved), (places.secret_key_file, *aside)).close()
    except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        left = f" What was there lies in {', '.join(map(str, aside))}." if aside else ""
        raise BackupRefused("not_restored", problem=_words(error), left=left) from error
    return tuple(aside)


def operator() -> str:
    """Return the operating system account of this process."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _copy_database(url: URL, draft: Path) -> None:
    if _is_sqlite(url):
        source = f"file:{Path(url.database or '').absolute()}?mode=ro"
        with (
            closing(sqlite3.connect(source, uri=True)) as live,
            closing(sqlite3.connect(draft / SQLITE)) as copy,
        ):
            live.backup(copy, pages=PAGES_A_STEP, sleep=0.01)
        return
    _dump(url, draft / DUMP)


def _put_sqlite_back(file: Path, folder: Path, stamp: str) -> list[Path]:
    ends = ("-wal", "-shm")  # first, because they belong to the old file
    aside = [moved for end in ends for moved in _away(file.with_name(f"{file.name}{end}"), stamp)]
    return [*aside, *_exchange_file(folder / SQLITE, file, stamp)]


def _dump(url: URL, file: Path) -> None:
    """Run pg_dump, with the password in the environment, which other users cannot read."""
    # URL.set() takes None for "unchanged"
    plain = url.set(drivername="postgresql")._replace(password=None).render_as_string()
    environment = {**os.environ, "PGPASSWORD": url.password or ""}
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={file}")
    done = subprocess.run(  # noqa: S603 - fixed command with the operator's address
        ["pg_dump", f"--dbname={plain}", *options],  # noqa: S607 - of the operator's PATH
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OSError(_last_line(done.stderr) or "pg_dump failed")


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _exchange_children(source: Path, root: Path, stamp: str) -> list[Path]:
    """Replace the children of a folder with copies, moving the old ones aside first."""
    fresh, aside = root.with_name(f".{root.name}.{stamp}"), root.with_name(f"{root.name}.before-{stamp}")
    _copy_children(source, fresh)
    root.mkdir(parents=True, exist_ok=True)
    moved = []
    for child in _children(root):
        aside.mkdir(exist_ok=True)
        child.rename(aside / child.name)
        moved = [aside]
    for child in _children(fresh):
        child.rename(root / child.name)
    fresh.rmdir()
    sync(root)
    return moved


def _exchange_file(source: Path, target: Path, stamp: str) -> list[Path]:
    fresh = target.with_name(f".{target.name}.{stamp}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, fresh)
    sync(fresh)
    moved = _away(target, stamp)
    fresh.rename(target)
    sync(target.parent)
    return moved


def _away(path: Path, stamp: str) -> list[Path]:
    if not path.exists():
        return []
    return [path.rename(path.with_name(f"{path.name}.before-{stamp}"))]


def _copy_children(source: Path, target: Path) -> None:
    """Copy a folder's children, files first, so that the build named by a pointer is included."""
    target.mkdir(parents=True, exist_ok=True)
    for child in sorted(_children(source), key=lambda path: path.is_dir()):
        if child.is_dir():
            shutil.copytree(child, target / child.name, symlinks=True)
        else:
            shutil.copy2(child, target / child.name)


def _children(folder: Path) -> Iterator[Path]:
    """Yield the children of a folder without hidden ones, which are unfinished."""
    if folder.is_dir():
        yield from (path for path in sorted(folder.iterdir()) if path.name[0] != "." and path.name != LEFT)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _words(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{text.rstrip('.')}."
