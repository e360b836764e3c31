"""One machine's installation, moved to PostgreSQL and a server that speaks S3, and used by another host."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from simsvc.errors import AdoptionRefused, IndexDamaged, ObjectsUnavailable
from simsvc.flows.mirror import Mirrored, mirror
from simsvc.ports import ObjectStore
from simsvc.settings import Settings, load_settings
from simsvc.store import migrate
from simsvc.store.database import Database
from simsvc.store.hosts import HostStore
from simsvc.values.hosts import Host
from simsvc.wiring.adopt import Adopted, Old, adopt
from simsvc.wiring.services import Services
from tests.object_servers import S3Server
from tests.old_files.installation import PHOTO_KEY, SECRET_KEY
from tests.simsvc.cli.helpers import command_app, runner
from tests.small_site import make_small_site

ARCHIVE = Path(__file__).parents[3] / "old_files" / "7b82fb7.tar.xz"


def quiet(_done: int, _total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Site:
    """The folder of the old installation, its parts, and the settings of the new one."""

    folder: Path
    old: Old
    settings: Settings

    def adopt(self) -> Adopted:
        return adopt(self.settings, self.old, quiet)

    def fingerprints(self) -> dict[str, str]:
        """Return the SHA-256 of every file of the old installation."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not path.name.endswith(("-wal", "-shm"))
        }


@pytest.fixture(scope="module")
def old_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a whole old installation with builds, face changes, models and waiting photos, upgraded."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    database = Database(f"sqlite:///{folder / 'old' / 'simsvc.sqlite3'}")
    migrate.upgrade(database.engine)
    database.fold_in(1)
    database.close()
    return folder / "old"


@pytest.fixture
def site(old_files: Path, tmp_path: Path, postgres_url: str, s3: S3Server, s3_url: str) -> Site:
    folder = Path(shutil.copytree(old_files, tmp_path / "old"))
    old = Old(
        f"sqlite:///{folder / 'simsvc.sqlite3'}", folder / "indexes", folder / "models", folder / "batches"
    )
    access = s3.access()
    environment = {
        "DATABASE_URL": postgres_url,
        "SECRET_KEY": SECRET_KEY,
        "SIMSVC_OBJECTS": s3_url,
        "SIMSVC_OBJECTS_ENDPOINT": access.endpoint,
        "AWS_ACCESS_KEY_ID": access.key_id,
        "AWS_SECRET_ACCESS_KEY": access.secret,
        "SIMSVC_BUNDLE_DIR": str(folder / "model"),
        "SIMSVC_PHOTO_KEYS": PHOTO_KEY,
        "SIMSVC_LOG_KEY_FILE": str(tmp_path / "log" / "log-key.pem"),
        **{
            f"SIMSVC_{name}": str(tmp_path / "host" / name.lower())
            for name in ("CACHE_DIR", "INDEX_ROOT", "MODEL_ROOT", "BATCH_DIR", "IMPORT_DIR")
        },
    }
    return Site(folder, old, load_settings(environment))


@pytest.fixture
def host(site: Site) -> Iterator[Callable[[], Services]]:
    """Return a maker of a host with empty disks that uses what was adopted."""
    made: list[Services] = []

    def make() -> Services:
        made.append(Services(site.settings))
        return made[-1]

    yield make
    for services in made:
        services.database.close()


def test_another_host_serves_what_was_adopted(site: Site, host: Callable[[], Services]) -> None:
    """Records, build, face changes and waiting photos are there on a host whose disk was empty."""
    adopted, services = site.adopt(), host()
    with services.log.snapshot() as snapshot:
        assert adopted.events == snapshot.count()
    assert adopted.in_service == services.current_build() == services.pipeline().index().label
    assert adopted.face_changes == services.shelf.face_changes().number > 0
    assert set(adopted.builds.new) == set(services.shelf.labels())
    assert len(adopted.models.new) == 2
    assert len(adopted.photos.new) > 0


def test_the_command_says_what_it_copied(site: Site) -> None:
    """`flask cluster adopt` takes the old folders as options, and names what is in service now."""
    app, old = command_app(site.settings), site.old
    folders = ("--indexes", str(old.indexes), "--models", str(old.models), "--batches", str(old.batches))
    said = runner(app, "cluster", "adopt")("--from", old.database_url, *folders)
    app.extensions["simsvc"].database.close()
    assert "Every row is the same in both databases." in said
    assert "In service: clinic/" in said or "In service: demo/" in said
    assert said.endswith("Nothing was removed from the old installation.\n")


def test_nothing_is_changed_at_the_source(site: Site) -> None:
    """Every file of the old installation has the bytes that it had."""
    before = site.fingerprints()
    site.adopt()
    assert site.fingerprints() == before


def test_a_second_run_copies_nothing(site: Site) -> None:
    """Run again, everything is compared, nothing copied, and the report says so."""
    first, second = site.adopt(), site.adopt()
    assert sum(table.new for table in first.tables) > 0
    assert sum(table.new for table in second.tables) == 0
    for name in ("builds", "models", "photos"):
        one, two = getattr(first, name), getattr(second, name)
        assert (one.there, two.new) == ((), ())
        assert set(one.new) == set(two.there)
    assert second.in_service == first.in_service


def test_an_adoption_that_was_cut_off_goes_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted among the objects, the next run copies the others, and puts the build into service."""
    copied: list[str] = []

    def cut_off(*args: object) -> Mirrored:
        if len(copied) == 2:
            raise ObjectsUnavailable("slow", store="s3://first", object="a")
        copied.append(str(args[1]))
        return mirror(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("simsvc.wiring.adopt.mirror", cut_off)
    with pytest.raises(ObjectsUnavailable):
        site.adopt()
    monkeypatch.undo()
    adopted = site.adopt()
    assert len(adopted.builds.there) + len(adopted.models.there) == 2
    assert adopted.in_service


def test_an_installation_with_postgresql_keeps_its_database(site: Site, tmp_path: Path) -> None:
    """Without an old database, only builds, models and photos are copied; what is in service stays so."""
    made = make_small_site(tmp_path / "small", 8, site.settings.database_url)
    old = Old("", made.index_root, site.old.models, made.batch_dir)
    adopted = replace(site, old=old).adopt()
    assert adopted.tables == ()
    assert adopted.builds.new == (adopted.in_service,)
    assert len(adopted.models.new) == 2


def test_hosts_that_run_are_named(site: Site) -> None:
    """Nothing is copied while a host lives on the new database: it would write among the records."""
    database = Database(site.settings.database_url)
    HostStore(database).meet(Host("f" * 16, "web-9", "0.2.0", "0026", None, "0" * 16))
    database.close()
    with pytest.raises(AdoptionRefused, match="web-9"):
        site.adopt()


def test_a_damaged_build_is_not_adopted(site: Site) -> None:
    """A file that differs from its manifest stops the move before any record was copied."""
    next(site.old.indexes.rglob("faces.annoy")).write_bytes(b"another")
    with pytest.raises(IndexDamaged):
        site.adopt()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"database_url": "sqlite:///none.sqlite3"}, "target"),
        ({"objects": ""}, "objects"),
    ],
    ids=["SQLite", "no objects"],
)
def test_settings_of_one_machine_are_refused(site: Site, change: dict[str, str], reason: str) -> None:
    """Without PostgreSQL or without an object store, there is nothing that hosts could share."""
    with pytest.raises(AdoptionRefused) as refused:
        replace(site, settings=site.settings.model_copy(update=change)).adopt()
    assert refused.value.reason == reason


def test_an_old_database_that_is_not_there_is_refused(site: Site) -> None:
    """A wrong address is not taken for an empty installation, and no file is made there."""
    old = replace(site.old, database_url=f"sqlite:///{site.folder}/nothing.sqlite3")
    with pytest.raises(AdoptionRefused) as refused:
        replace(site, old=old).adopt()
    assert refused.value.reason == "no_source"
    assert not (site.folder / "nothing.sqlite3").exists()


def test_what_differs_in_the_store_is_copied_again(objects: ObjectStore, tmp_path: Path) -> None:
    """An object with other bytes of the same length is found by reading it back, and replaced."""
    (tmp_path / "a").write_bytes(b"right")
    objects.put("indexes/one/a", b"wrong")
    assert mirror(objects, "indexes/one", tmp_path, ("a",), tmp_path) == Mirrored(new=("one",))
    assert objects.get("indexes/one/a") == b"right"
    assert mirror(objects, "indexes/one", tmp_path, ("a",), tmp_path) == Mirrored(there=("one",))


def test_a_store_that_changes_bytes_is_found_out(objects: ObjectStore, tmp_path: Path) -> None:
    """What comes back differently from how it was written is refused by name."""

    class Liar:
        def put_file(self, key: str, path: Path) -> None:
            objects.put(key, path.read_bytes()[::-1])

        def fetch(self, key: str, to: Path) -> None:
            objects.fetch(key, to)

        keys = objects.keys

    (tmp_path / "a").write_bytes(b"right")
    with pytest.raises(AdoptionRefused, match="indexes/one/a"):
        mirror(Liar(), "indexes/one", tmp_path, ("a",), tmp_path)
