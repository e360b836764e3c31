"""One Chromium and one live service for all browser tests. What the console complains of fails a test."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from simsvc import commands
from simsvc.settings import Settings
from simsvc.values import Role
from simsvc.web import create_app
from simsvc.wiring import Services
from tests.simsvc.web.signed_in import account, client_of
from tests.simsvc.web.test_batch_worker import working
from tests.small_site import drawn_photo, make_small_site

PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1280, "height": 800}
INSTALL = "apt-get install -y --no-install-recommends chromium"
PATIENCE_MS = 30_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Live:
    """A service that answers on an address."""

    app: Flask
    url: str

    @property
    def services(self) -> Services:
        services: Services = self.app.extensions["simsvc"]
        return services


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Serve a small installation of its own, its batches judged by the real worker."""
    settings: Settings = make_small_site(tmp_path_factory.mktemp("live"))
    app = create_app(replace(settings, sign_in_rate="1000 per minute"))
    commands.register(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with working(settings):
        yield Live(app, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    app.extensions["simsvc"].database.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium; Playwright's own browsers are never used."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        words = f"There is no Chromium on the PATH. Install it: {INSTALL}"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    arguments = ["--disable-dev-shm-usage"] + (["--no-sandbox"] if os.geteuid() == 0 else [])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, live: Live) -> Iterator[Open]:
    """Return a maker of pages, each in a browser of its own: `open_page(role, phone=..., dark=...)`."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def make(
        role: Role | None = None, *, phone: bool = False, dark: bool = False, script: bool = True
    ) -> Page:
        context = chromium.new_context(
            base_url=live.url,
            viewport=PHONE if phone else LAPTOP,
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            locale="en-GB",
            reduced_motion="reduce",  # colours are looked at when they have arrived
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        if role is not None:
            cookie = client_of(live.app, account(live.app, role)).get_cookie("simsvc")
            assert cookie is not None
            context.add_cookies([{"name": "simsvc", "value": cookie.value, "url": live.url}])
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with one drawn face."""
    path = tmp_path_factory.mktemp("photos") / "me.jpg"
    path.write_bytes(drawn_photo())
    return path
