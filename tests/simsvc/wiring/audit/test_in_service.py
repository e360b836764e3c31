from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simsvc.adapters.index.changed_files import ChangedFile, ChangedFiles, write_changed
from simsvc.settings import Settings
from simsvc.values.audit.evidence import InService
from simsvc.wiring.audit import in_service as module
from simsvc.wiring.audit.in_service import in_service
from simsvc.wiring.services import Services
from tests.small_site import make_small_site

FACES = 8


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_small_site(tmp_path_factory.mktemp("small"), FACES)


@pytest.fixture
def services(small: Settings) -> Iterator[Services]:
    services = Services(small)
    services.log_start()
    yield services
    services.database.close()


def looked(services: Services) -> InService:
    return in_service(services.settings, services.log, services.database, services.shelf)


def damaged(path: Path) -> bytes:
    """Change a byte of a file, and return what was in it."""
    whole = path.read_bytes()
    path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    return whole


def test_build_and_model_are_named_with_their_digests(services: Services) -> None:
    """And each of their files was hashed."""
    found, label = looked(services), str(services.shelf.current())
    assert found.index is not None
    assert found.model is not None
    assert (found.index.label, found.index.manifest_sha256) == (label, services.shelf.manifest_sha256(label))
    assert (found.model.version, found.model.origin) == ("tiny-0", "logged")
    for files in (found.index.files, found.model.files):
        assert files is not None
        assert (files.checked, files.changed, files.count > 0) == ("now", (), True)
    assert found.up_to > 0


def test_a_changed_file_is_named(services: Services) -> None:
    """Also one that is gone."""
    label = str(services.shelf.current())
    folder, names = services.shelf.build_path(label), sorted(services.shelf.manifest(label).files)
    first, second = folder / names[0], folder / names[1]
    kept = {first: damaged(first), second: second.read_bytes()}
    second.unlink()
    found = looked(services).index
    for path, data in kept.items():
        path.write_bytes(data)
    assert found is not None
    assert found.files is not None
    assert found.files.changed == (names[0], names[1])


def test_files_that_are_too_large_are_as_the_background_found_them(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark about another build counts no more."""
    label = str(services.shelf.current())
    monkeypatch.setattr(module, "MOST_HASHED_BYTES", 100)
    for of, changed in ((label, ("faces.bin",)), ("demo/b-other", ())):
        write_changed(services.settings.index_root, ChangedFiles(index=ChangedFile(of, "faces.bin")))
        found = looked(services).index
        write_changed(services.settings.index_root, ChangedFiles())
        assert found is not None
        assert found.files is not None
        assert (found.files.checked, found.files.changed) == ("background", changed)


def test_what_cannot_be_read_is_left_out(services: Services, tmp_path: Path) -> None:
    """No model and no index are no error; a manifest that is no JSON has a digest, and no files."""
    label = str(services.shelf.current())
    manifest = services.shelf.build_path(label) / "manifest.json"
    kept = damaged(manifest)
    found = looked(services).index
    manifest.write_bytes(kept)
    assert found is not None
    assert found.files is None
    empty = services.settings.model_copy(
        update={"index_root": tmp_path / "indexes", "bundle_dir": tmp_path / "model"}
    )
    nothing = looked(Services(empty))
    assert (nothing.index, nothing.model) == (None, None)
