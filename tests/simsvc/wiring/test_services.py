from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from simsvc.adapters.photos.sources import read_source
from simsvc.errors import BuildNotFound, BundleMissing, IndexMissing
from simsvc.settings import Settings
from simsvc.store.tables import BuildRow, FaceRow
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import build_index, draw_gallery, drawn_photo, make_small_site


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    return make_small_site(tmp_path, faces=15)


def build_again(settings: Settings, faces: int) -> str:
    """Build another index named "other" and return its label."""
    source = read_source("folder", draw_gallery(settings.index_root.parent / "other", faces))
    return build_index(settings, source, "other").label


def test_a_build_is_put_on_record_with_its_manifest(site: Settings) -> None:
    """The builds table holds the sha256 of manifest.json as it lies on the disk, and every face is known."""
    services = Services(site)
    label = services.pipeline().index().label
    with services.database.transaction() as session:
        row = session.scalars(select(BuildRow)).one()
        faces = session.scalars(select(FaceRow)).all()
    manifest = (site.index_root / label / "manifest.json").read_bytes()
    assert row.label == label
    assert row.manifest_sha256 == hashlib.sha256(manifest).hexdigest()
    assert row.count == len(faces) == 15


def test_a_running_service_follows_a_new_build(site: Settings) -> None:
    """The next photo is answered from the new build; the old answer keeps its own faces."""
    client = signed_in(create_app(site))
    first = client.post("/estimates", data={"photo": _file(drawn_photo())}).headers["Location"]
    label = build_again(site, faces=14)
    index = client.get("/readyz").get_json()["parts"][1]
    assert index["sentence"].startswith(f"{label} is open")
    pictures = re.findall(r'src="(/faces/demo/[^"]+)"', client.get(first).text)
    assert len(set(pictures)) == 12
    assert {client.get(picture).status_code for picture in pictures} == {200}


def test_engines_are_constructed_once_and_late(site: Settings) -> None:
    """Making the services touches no engine; asking twice gives the same ones."""
    services = Services(site)
    assert services.pipeline() is services.pipeline()


def test_a_service_recovers_when_its_parts_appear(site: Settings, tmp_path: Path) -> None:
    """A missing model is reported each time, and found as soon as it is there."""
    home = site.bundle_dir.rename(tmp_path / "elsewhere")
    services = Services(site)
    for _ in range(2):
        with pytest.raises(BundleMissing):
            services.warm_up()
    home.rename(site.bundle_dir)
    services.warm_up()


def test_warming_up_without_an_index_says_so(site: Settings) -> None:
    """The first run of a worker finds out what is missing."""
    (site.index_root / "current.json").unlink()
    with pytest.raises(IndexMissing, match="flask index build"):
        Services(site).warm_up()


def test_warming_up_records_nothing(site: Settings) -> None:
    """The warm-up leaves no record behind."""
    client = signed_in(create_app(site))
    Services(site).warm_up()
    location = client.post("/estimates", data={"photo": _file(b"no photo")}).headers["Location"]
    assert client.application.extensions["simsvc"].estimates.find(location.rpartition("/")[2]).number == 1


@pytest.mark.parametrize("label", ["demo/b-000000000000", "../demo", "demo", "/etc/passwd"])
def test_a_gallery_of_no_build_is_not_found(site: Settings, label: str) -> None:
    """Only builds that exist can be opened, whatever the label looks like."""
    with pytest.raises(BuildNotFound):
        Services(site).gallery(label)


def _file(data: bytes) -> tuple[object, str]:
    return io.BytesIO(data), "photo.jpg"
