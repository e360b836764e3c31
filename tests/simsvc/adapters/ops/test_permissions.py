"""Files that are whole and that the service's account may not read are told as that, and never as damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simsvc.adapters.crypto.secret_key import kept_secret_key
from simsvc.adapters.index.engines.annoy_index import FILE
from simsvc.adapters.inference.model_store import ModelStore
from simsvc.adapters.inference.onnx_detector import DETECTOR_DIR, whole_graph
from simsvc.adapters.photos.batch_spool import BatchSpool
from simsvc.errors import (
    BatchUnwritable,
    BundleUnreadable,
    IndexUnreadable,
    SettingsError,
    StoreError,
)
from simsvc.settings import Settings
from simsvc.store.database import Database
from simsvc.wiring.services import Services
from tests.other_account import open_folder, shut
from tests.simsvc.cli.helpers import command_app
from tests.small_site import make_small_site


@pytest.fixture(scope="module")
def site() -> Iterator[Settings]:
    with open_folder() as folder:
        yield make_small_site(folder / "site", faces=15)


@pytest.fixture(autouse=True)
def _opened(site: Settings) -> None:
    """Open to every account what the service keeps shut, and shuts again whenever it starts."""
    top = site.index_root.parent
    for path in (top, *top.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def build_of(site: Settings) -> Path:
    return site.index_root / str(Services(site).shelf.current())


OF_INDEX: dict[str, Callable[[Settings], Path]] = {
    "the index folder": lambda site: site.index_root,
    "current.json": lambda site: site.index_root / "current.json",
    "the index's own folder": lambda site: build_of(site).parent,
    "the build's folder": build_of,
    **{
        name: lambda site, name=name: build_of(site) / name  # type: ignore[misc]
        for name in ("manifest.json", FILE, "thumbnails.bin", "thumbnails.idx")
    },
}


@pytest.mark.parametrize("what", OF_INDEX)
def test_an_index_that_may_not_be_read(site: Settings, what: str) -> None:
    """Whichever file or folder of the index is shut, estimates are refused with its name and the cure."""
    path = OF_INDEX[what](site)
    services = Services(site)
    pipeline = services.pipeline()
    with shut(path), pytest.raises(IndexUnreadable, match=r"cannot read .*chown") as caught:
        pipeline.index()
    if path.is_file():
        assert path.name in caught.value.sentence
    assert str(site.index_root.parent) not in caught.value.sentence


@pytest.mark.parametrize("words", [("index", "list"), ("index", "verify"), ("index", "use", "b-")])
@pytest.mark.parametrize(
    "what", ["the index folder", "current.json", "the index's own folder", "manifest.json"]
)
def test_commands_say_so_too(site: Settings, what: str, words: tuple[str, ...]) -> None:
    """`flask index ...` never takes a shut index for a missing or damaged one."""
    if words[1] == "use" and what == "current.json":
        pytest.skip("choosing a build does not read which one was chosen before")
    path = OF_INDEX[what](site)
    app = command_app(site)
    with shut(path):
        result = app.test_cli_runner().invoke(args=list(words))
    if words[1] == "list" and what == "manifest.json":
        assert "index_unreadable" in result.output
    else:
        assert (result.exit_code, "service account cannot read" in result.output) == (1, True), result.output
    assert "Traceback" not in result.output


def test_face_changes_that_may_not_be_read(site: Settings) -> None:
    """A shut file of face changes is told, and removed faces do not come back for it."""
    path = site.index_root / "face-changes.txt"
    path.write_text("")
    services = Services(site)
    with shut(path), pytest.raises(IndexUnreadable, match=r"face-changes\.txt"):
        services.shelf.face_changes()
    path.unlink()


@pytest.mark.parametrize("name", [".", "model.json", "model.onnx"])
def test_a_model_that_may_not_be_read(site: Settings, name: str) -> None:
    """Whichever file of the model is shut, it is told by name, and not as damaged."""
    services = Services(site)
    with shut(site.bundle_dir / name), pytest.raises(BundleUnreadable, match=r"cannot read .*chown"):
        services.pipeline()


def test_a_model_card_that_may_not_be_read(site: Settings) -> None:
    """A shut model card or plot is told, and is no model without one."""
    for name in ("model_card.json", "loss.png"):
        (site.bundle_dir / name).write_text("{}")
    services = Services(site)
    with shut(site.bundle_dir / "model_card.json"), pytest.raises(BundleUnreadable, match="model_card"):
        services.model_card()
    with shut(site.bundle_dir / "loss.png"), pytest.raises(BundleUnreadable, match="loss"):
        services.card_plot("loss")
    for name in ("model_card.json", "loss.png"):
        (site.bundle_dir / name).unlink()


def test_a_detector_that_may_not_be_read() -> None:
    """A shut file of the detector is told, and is no damaged installation."""
    with open_folder() as folder:
        shutil.copytree(DETECTOR_DIR, folder / "detector")
        for path in (folder / "detector").iterdir():
            with shut(path), pytest.raises(BundleUnreadable, match=path.name):
                whole_graph(folder / "detector")


def test_kept_models_that_may_not_be_read(site: Settings) -> None:
    """A kept model that is shut is not gone."""
    shelf = ModelStore(site.model_root)
    Services(site).pipeline()
    (kept,) = shelf.kept()
    for path in (site.model_root, kept.folder, kept.folder / "model.json", kept.folder / "model.onnx"):
        with shut(path), pytest.raises(BundleUnreadable):
            shelf.find(kept.document_sha256, None)


def test_a_secret_key_that_may_not_be_read() -> None:
    """A shut key, or a folder in which it cannot be made, is told with the file's name and the cure."""
    with open_folder() as folder:
        (folder / "var").mkdir()
        with shut(folder / "var"), pytest.raises(SettingsError, match=r"var/secret-key.*chown"):
            kept_secret_key(folder / "var" / "secret-key")
        kept_secret_key(folder / "var" / "secret-key")
        with (
            shut(folder / "var" / "secret-key"),
            pytest.raises(SettingsError, match=r"var/secret-key.*chown"),
        ):
            kept_secret_key(folder / "var" / "secret-key")


def test_a_database_that_may_not_be_read(site: Settings) -> None:
    """A shut database, or one whose folder cannot be made, is named as such."""
    with open_folder() as folder:
        (folder / "shut").mkdir()
        file = folder / "shut" / "copy.sqlite3"  # a file that this process has open would be opened again
        shutil.copyfile(site.database_url.removeprefix("sqlite:///"), file)
        for path in (file, file.parent):
            database = Database(f"sqlite:///{file}")
            with shut(path), pytest.raises(StoreError, match="service account has no permission"):
                database.check()
            database.close()
        with (
            shut(folder / "shut"),
            pytest.raises(StoreError, match="The database folder var cannot be created"),
        ):
            Database(f"sqlite:///{folder / 'shut' / 'var' / 'simsvc.sqlite3'}")


def test_batches_that_may_not_be_read() -> None:
    """A waiting photo that is shut is not lost: the batch waits, and says why."""
    with open_folder() as folder:
        room = BatchSpool(folder)
        room.put("0" * 32, 0, b"photo")
        with (
            shut(folder / ("0" * 32) / "000000"),
            pytest.raises(BatchUnwritable, match="service account cannot read"),
        ):
            room.get("0" * 32, 0)
