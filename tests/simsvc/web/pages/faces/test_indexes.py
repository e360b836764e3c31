from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from simsvc.adapters.photos.sources import read_source
from simsvc.settings import Settings
from simsvc.values import Role
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import build_index, draw_gallery
from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture
def app(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    """Return a service with two builds of its own: demo/..., and other/... of eight faces in service."""
    settings = site.model_copy(update={"index_root": tmp_path / "indexes"})
    shutil.copytree(site.index_root, settings.index_root)
    build_index(settings, read_source("folder", draw_gallery(tmp_path / "faces", 8)), "other")
    app = create_app(settings)
    yield app
    app.extensions["simsvc"].database.close()


def checked_page(app: Flask, role: Role) -> str:
    html = signed_in(app, role).get("/indexes").text
    checked(html)
    return html


def label(desk: Services, name: str) -> str:
    return next(found for found in desk.shelf.labels() if found.startswith(f"{name}/"))


def test_the_page_says_what_the_gallery_is_made_of(app: Flask, desk: Services) -> None:
    """Builds with their faces, model and recall; the one in service with its histogram."""
    html = checked_page(app, "auditor")
    assert label(desk, "other") in html
    assert label(desk, "demo") in html
    assert "8 faces" in html
    assert html.count('<rect class="shade-0"') >= 8 // 2
    assert "tiny-0" in html
    assert html.count(">100.0%</td>") == 2  # so few faces are all inspected


def test_who_may_not_switch_is_offered_nothing(app: Flask, desk: Services) -> None:
    """An auditor reads what every build is, without a button, and nothing is missing from its record."""
    html = checked_page(app, "auditor")
    assert "not recorded" not in html
    assert "Put into service</button>" not in html
    assert (
        "Put into service</button>"
        not in signed_in(app, "auditor").get(f"/indexes/{desk.shelf.current()}").text
    )


def test_an_admin_switches(app: Flask, desk: Services) -> None:
    """A switch reaches the estimates, is on record with its person, and the way back is offered."""
    admin, demo, other = signed_in(app, "admin"), label(desk, "demo"), label(desk, "other")
    assert desk.pipeline().index().label == other
    assert admin.post(f"/indexes/{demo}/use").status_code == 303
    assert desk.pipeline().index().label == demo
    html = admin.get("/indexes").text
    assert "is in service. All workers" in html
    assert f"Roll back to {other}" in html
    assert re.search(rf"<td[^>]*>{demo}</td>\s*<td[^>]*>{other}</td>\s*<td[^>]*>admin</td>", html)


def test_an_admin_rolls_back(app: Flask, desk: Services) -> None:
    """Both switches are on record, the last one first."""
    admin, demo, other = signed_in(app, "admin"), label(desk, "demo"), label(desk, "other")
    for each in (demo, other):
        assert admin.post(f"/indexes/{each}/use").status_code == 303
    assert [switch.label for switch in desk.switches.latest(2)] == [other, demo]


def test_a_damaged_build_is_not_put_into_service(app: Flask, desk: Services) -> None:
    """The sentence is on the page, the old build stays, and no switch is on record."""
    demo, before = label(desk, "demo"), desk.switches.latest(100)
    (desk.settings.index_root / demo / "faces.json").write_text("{}")
    response = signed_in(app, "admin").post(f"/indexes/{demo}/use")
    assert response.status_code == 503
    assert "is damaged" in response.text
    assert desk.shelf.current() == label(desk, "other")
    assert desk.switches.latest(100) == before


def test_a_build_whose_manifest_is_unreadable_is_listed_as_damaged(app: Flask, desk: Services) -> None:
    """It hides no other build and can not be chosen."""
    demo = label(desk, "demo")
    (desk.settings.index_root / demo / "manifest.json").write_text("{}")
    html = signed_in(app, "admin").get("/indexes").text
    assert "damaged" in html
    assert f'action="/indexes/{demo}/use"' not in html


def test_a_build_of_another_model_is_not_offered(desk: Services, tmp_path: Path) -> None:
    """With another model in service nothing can be switched to, and the address says why."""
    other = create_app(
        desk.settings.model_copy(update={"bundle_dir": make_tiny_bundle(tmp_path / "m", seed=1)})
    )
    admin = signed_in(other, "admin")
    html = admin.get("/indexes").text
    assert "for another model" in html
    assert "Put into service</button>" not in html
    response = admin.post(f"/indexes/{label(desk, 'demo')}/use")
    assert "was built with a different model" in response.text


def test_a_switch_that_fails_is_not_on_record(app: Flask, desk: Services) -> None:
    """Record and switch happen together or not at all."""
    before = desk.switches.latest(100)
    switcher = replace(desk.switcher(), shelf=_Stuck(desk.shelf))  # type: ignore[arg-type]  # a fake of the port
    with pytest.raises(OSError, match="full"):
        switcher.use(label(desk, "demo"))
    assert desk.switches.latest(100) == before
    assert signed_in(app).get("/indexes").status_code == 200


class _Stuck:
    def __init__(self, shelf: object) -> None:
        self._shelf = shelf

    def __getattr__(self, name: str) -> object:
        return getattr(self._shelf, name)

    def switch(self, _label: str) -> None:
        raise OSError("full")


def test_without_an_index_the_page_says_so(site: Settings, tmp_path: Path) -> None:
    """No build, no histogram, and what the operator does about it."""
    app = create_app(site.model_copy(update={"index_root": tmp_path / "none"}))
    html = signed_in(app).get("/indexes").text
    assert "ages cannot be estimated" in html
    assert "flask index build" in html
