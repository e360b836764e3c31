"""Two hosts with one database and one object store."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simsvc.adapters.photos.sources import read_source
from simsvc.errors import (
    BundleUnreachable,
    IndexUnreachable,
    ModelGone,
    ObjectsUnavailable,
    SettingsError,
)
from simsvc.settings import Settings, load_settings
from simsvc.values.face_imports import ImportPhoto, ImportState
from simsvc.web.app import create_app
from simsvc.wiring.erasure import eraser
from simsvc.wiring.health import everything
from simsvc.wiring.hosts.objects import open_objects
from simsvc.wiring.imports import work_import
from simsvc.wiring.retirement import retire_model
from simsvc.wiring.services import Services
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import build_index, drawn_photo, make_small_site


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return host A, whose build is in the object store."""
    folder = tmp_path_factory.mktemp("shared")
    local = make_small_site(folder, faces=15)
    shared = local.model_copy(
        update={
            "objects": f"file://{folder}/objects",
            "cache_dir": folder / "cache-a",
            "index_root": folder / "a",
        }
    )
    build_index(shared, read_source("demo", shared.gallery_dir), "shared")
    return shared


@pytest.fixture
def second(first: Settings, tmp_path: Path) -> Settings:
    """Return host B: another index folder with the same pointer, no builds, models or photos of its own."""
    root = tmp_path / "b"
    root.mkdir()
    shutil.copy(first.index_root / "current.json", root)
    own = {"index_root": root, "cache_dir": tmp_path / "cache", "model_root": tmp_path / "models"}
    return first.model_copy(update={**own, "batch_dir": tmp_path / "batches"})


def test_a_photo_uploaded_on_one_host_is_estimated_on_another(first: Settings, second: Settings) -> None:
    """Host B has nothing but database and objects, and judges what waits on A with A's build."""
    one, other = Services(first), Services(second)
    batch_id = one.batches.take_in([("face.jpg", drawn_photo())], "", "user:1", dict)
    assert other.batches.judge_next(batch_id, other.pipeline)
    assert not other.batches.judge_next(batch_id, other.pipeline)
    (photo,) = other.batch_book.photos(batch_id)
    assert photo.status == "estimated"
    assert list(open_objects(first).keys("waiting")) == []  # type: ignore[union-attr]


def test_a_replay_on_another_host_finds_model_and_build(first: Settings, second: Settings) -> None:
    """The model that A kept is found by B, and a retired one by nobody."""
    one, other = Services(first), Services(second)
    one.pipeline()
    (kept,) = other.models.kept()
    assert other.models.find(kept.document_sha256, None).graph_path.is_file()
    with pytest.raises(ModelGone):
        retire_model(other, "none", "user:1", force=True)


def test_a_store_that_is_gone_is_told_and_tried_again(second: Settings) -> None:
    """Without the object store, an estimate is answered by 503 with Retry-After, and pages say why."""
    nowhere = {"objects": "s3://bucket/x", "objects_endpoint": "http://127.0.0.1:1"}
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "never-shown"}
    client = signed_in(create_app(second.model_copy(update={**nowhere, **keys})))
    answer = client.post("/estimates", data={"photo": (io.BytesIO(drawn_photo()), "face.jpg")})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "cannot be reached" in answer.text
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "cannot be reached" in ready.text
    assert "never-shown" not in ready.text


def test_erasing_is_refused_while_the_store_is_gone(second: Settings) -> None:
    """A case is not erased while its waiting photos could not be deleted."""
    gone = second.model_copy(
        update={
            "objects": "s3://bucket/x",
            "objects_endpoint": "http://127.0.0.1:1",
            "aws_access_key_id": "k",
        }
    )
    with pytest.raises(ObjectsUnavailable):
        eraser(Services(gone)).case("C-1", "user:1")
    with pytest.raises(IndexUnreachable):
        Services(gone).shelf.labels()
    with pytest.raises(BundleUnreachable):
        Services(gone).models.kept()


def test_the_embedded_service_loads_no_client_for_objects(tmp_path: Path) -> None:
    """Without SIMSVC_OBJECTS, nothing of fsspec is imported."""
    code = (
        "import sys; from simsvc.wiring.services import Services; from simsvc.settings import load_settings; "
        "Services(load_settings({})); "
        "sys.exit(any(name.partition('.')[0] in {'fsspec', 's3fs', 'botocore'} for name in sys.modules))"
    )
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/none.sqlite3"}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0


def test_the_check_names_the_store(first: Settings) -> None:
    """`flask check` says that the object store answers."""
    found = {finding.part: finding for finding in everything(Services(first), lambda *_: None)}
    assert found["objects"].well
    assert "keeps no versions" in found["objects"].sentence


@pytest.mark.parametrize(
    "url",
    ["bucket/x", "s3://", "s3://key:secret@bucket/x", "file://host/x", "file:///", "s3://b/../x", "gs://b"],
)
def test_an_address_that_is_no_object_store_is_refused(url: str) -> None:
    """Other schemes, passwords and missing parts are refused, and the address is not repeated."""
    with pytest.raises(SettingsError, match="SIMSVC_OBJECTS") as caught:
        load_settings({"SIMSVC_OBJECTS": url})
    assert "secret" not in str(caught.value)


def test_an_endpoint_has_no_password() -> None:
    """An endpoint with a password is refused, and the password is not repeated."""
    with pytest.raises(SettingsError, match="SIMSVC_OBJECTS_ENDPOINT") as caught:
        load_settings({"SIMSVC_OBJECTS_ENDPOINT": "http://user:hidden@host"})
    assert "hidden" not in str(caught.value)


def test_an_import_begun_on_one_host_is_shown_on_another(first: Settings, second: Settings) -> None:
    """The page of host B shows an import that was begun on A, and deletes it everywhere."""
    one = Services(first)
    import_id = one.imports.begin("staff", "user:1")
    one.imports.add(import_id, drawn_photo(), ImportPhoto(0, "face.jpg", 30.0))
    client = signed_in(create_app(second), "admin")
    assert client.get(f"/gallery/imports/{import_id}").status_code == 200
    Services(second).imports.delete(import_id)
    assert one.import_spool.all() == []


def test_a_check_by_a_process_of_another_host(first: Settings, second: Settings) -> None:
    """The process that checks an import on host B reads A's photos, and A sees what it found."""
    one, other = Services(first), Services(second)
    import_id = one.imports.begin("staff", "user:1")
    one.imports.add(import_id, drawn_photo(), ImportPhoto(0, "face.jpg", 30.0))
    other.import_spool.set_state(import_id, ImportState("checking", total=1))
    work_import(second, import_id)
    assert one.imports.state(import_id).phase == "checked"
    assert len(one.import_spool.check(import_id).photos) == 1
    assert one.import_spool.thumbnail(import_id, 0).startswith(b"\xff\xd8")
