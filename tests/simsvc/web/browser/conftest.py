"""One Chromium and one live service for all browser tests. What the console complains of fails a test."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from werkzeug.serving import make_server

from simsvc import cli
from simsvc.domain.estimate.rules import parse_rules
from simsvc.flows.estimates.estimate import estimate
from simsvc.flows.gallery.import_faces import UploadedFiles
from simsvc.settings import Settings
from simsvc.values import DecisionDraft, Declaration, Role
from simsvc.values.access.tokens import TokenDraft
from simsvc.values.referrals import Addressee, ReferralDraft
from simsvc.web.app import create_app
from simsvc.wiring.audit.served import accept
from simsvc.wiring.imports import work_import
from simsvc.wiring.services import Services
from tests.drawn_faces import draw_face
from tests.helpers import wait_until
from tests.servers import working
from tests.simsvc.web.browser.helpers import LAPTOP, PATIENCE_MS, PHONE, Live, Open, sign_in
from tests.simsvc.web.signed_in import account
from tests.small_site import drawn_photo, make_small_site

INSTALL = "apt-get install -y --no-install-recommends chromium"
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
NOT_FETCHED = "Failed to load resource: the server responded with a status of"
"""How Chromium's console tells of an answer from 400 on."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Serve a small installation of its own, its batches judged by the real worker."""
    settings: Settings = make_small_site(tmp_path_factory.mktemp("live"))
    calibrate(settings.bundle_dir / "model.json")
    wanted = {"sign_in_rate": "1000 per minute", "case_access": "all"}  # every role opens every page
    app = create_app(settings.model_copy(update=wanted))
    accept(settings, app.extensions["simsvc"].database)
    cli.register(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    with working(settings):
        yield Live(app, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    app.extensions["simsvc"].database.close()


def checked_import(desk: Services) -> str:
    """Return an upload with a conflict, a duplicate and a skipped row."""
    same = drawn_photo(70)
    table = b"file,age\na.jpg,20\nb.jpg,50\nc.jpg,30\nd.jpg,30\nnone.jpg,3\n"
    photos = [("a.jpg", same), ("b.jpg", same), ("c.jpg", drawn_photo(71)), ("d.jpg", drawn_photo(71))]
    files = UploadedFiles(photos, lambda: ("labels.csv", table))
    at_once = replace(desk.imports, start=lambda import_id, _lock: work_import(desk.settings, import_id))
    return at_once.take_in(files, "clinic", "0" * 32)


def calibrate(path: Path) -> None:
    """Give every estimate of a bundle the range from six years below to seven above."""
    document = json.loads(path.read_text())
    band = {"from_years": 0.0, "below_years": -6.0, "above_years": 7.0, "faces": 50}
    words = {"method": "m", "source": "s", "split": "valid", "coverage": 0.9, "faces": 50}
    sha256 = document["files"]["model.onnx"]["sha256"]
    document["calibration"] = {"format": 1, **words, "model_sha256": sha256, "bands": [band]}
    path.write_text(json.dumps(document))


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start the system's Chromium, a drawn face before its camera; Playwright's own are never used."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail(f"There is no Chromium on the PATH. Install it: {INSTALL}", pytrace=False)
    film = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    frame = Image.new("RGB", (640, 480), (150, 160, 170))
    frame.paste(draw_face(11, 440), (100, 20))
    frame.save(film, "JPEG", quality=92)
    film.write_bytes(film.read_bytes() * 4)
    camera = ("device-for-media-stream", "ui-for-media-stream")
    arguments = ["--disable-dev-shm-usage", *(f"--use-fake-{part}" for part in camera)]
    arguments += [f"--use-file-for-fake-video-capture={film}", "--no-sandbox"]  # it sees our own pages only
    arguments.append(
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    )  # nor does it look for its maker
    home = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments, env=home)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, live: Live) -> Iterator[Open]:
    """Return a maker of pages, each in a browser of its own: `open_page(role, phone=..., dark=...)`.

    A test fails for what the console complains of, a dialog, or a request to anywhere else. Where answers
    from 400 on belong to a test, it asks for `refused=True`.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(page: Page, refused: bool) -> None:
        def heard(said: ConsoleMessage) -> None:
            if said.type == "error" and not (refused and said.text.startswith(NOT_FETCHED)):
                complaints.append(said.text)

        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda sent: complaints.append(sent.url) if is_foreign(sent.url, live) else None)

    def make(role: Role | None = None, *, refused: bool = False, **options: Any) -> Page:
        context = chromium.new_context(base_url=live.url, **context_options(**options))
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        if role is not None:
            sign_in(context, live, role)
        page = context.new_page()
        listen(page, refused)
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


def context_options(
    *, phone: bool = False, dark: bool = False, script: bool = True, timezone: str = "UTC"
) -> dict[str, Any]:
    return {
        "viewport": PHONE if phone else LAPTOP,
        "color_scheme": "dark" if dark else "light",
        "java_script_enabled": script,
        "locale": "en-GB",
        "timezone_id": timezone,
        "reduced_motion": "reduce",  # nothing is looked at while it moves
    }


def is_foreign(url: str, live: Live) -> bool:
    return not url.startswith((live.url, "blob:", "data:"))


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with one drawn face."""
    path = tmp_path_factory.mktemp("photos") / "me.jpg"
    path.write_bytes(drawn_photo())
    return path


@pytest.fixture(scope="session")
def addresses(live: Live) -> dict[str, str]:
    """Return the address of every page by endpoint and what is special about it; its records are there."""
    desk, pipeline = live.services, live.services.pipeline()
    declared = Declaration("L-7", date(1980, 2, 29), date(2020, 6, 1))
    estimated = estimate(drawn_photo(7), "seven.jpg", pipeline, declared=declared)
    estimate(drawn_photo(9), "nine.jpg", pipeline, declared=declared)
    for after, kind in enumerate(("refer", "accept")):
        draft = DecisionDraft("refer" if kind == "refer" else "accept", note=f"see the file, {kind}")
        desk.decisions.add(estimated.id, draft, "0" * 32, after, desk.now())
    reviewer = account(live.app, "underwriter").id
    sent = ReferralDraft(Addressee(reviewer), due_on=date(2020, 1, 1), comment="see the file")
    rules = {
        "quality": {"sharpness_at_least": 1e9, "source": "no photo is as sharp"},
        "withhold": ["blurred"],
    }
    doubtful = replace(pipeline, rules=parse_rules(rules, pipeline.model.sha256))
    withheld = estimate(drawn_photo(10), "ten.jpg", doubtful, declared=declared)
    refused = estimate(b"no photo", "letter.txt", pipeline)
    desk.referrals.add(refused.id, sent, "0" * 32, desk.now())
    batch_id = desk.batches.take_in(
        [("a.jpg", drawn_photo(8)), ("b.jpg", b"no photo")], "photos.zip", "0" * 32, dict
    )
    wait_until(lambda: not desk.batch_book.find(batch_id).waiting)  # the worker judges it
    desk.tokens.revoke(desk.tokens.create(TokenDraft("old", ("audit",), 1)).token.id)
    desk.tokens.create(TokenDraft("audit tool", ("audit", "estimate"), 1))
    return {
        "home.show": "/",
        "home.show decided": "/?list=today",
        "search.show": "/search?q=seven",
        "search.show nothing": "/search?q=nothing+of+the+kind",
        "pages.start": "/estimates",
        "pages.show": f"/estimates/{estimated.id}?saliency=1",
        "pages.show withheld": f"/estimates/{withheld.id}",
        "pages.show refused": f"/estimates/{refused.id}",
        "pages.compare": f"/estimates/{estimated.id}/faces/2",
        "cases.show": "/cases/L-7",
        "cases.faces": "/compare/cases/L-7",
        "reports.verify": "/verify",
        "reports.verify wrongly": "/verify?code=none",
        "history.show": "/history",
        "history.show searched": "/history?case=L-7&decision=refer&sort=oldest",
        "history.show wrongly": "/history?since=yesterday",
        "batches.list_all": "/batches",
        "batches.show": f"/batches/{batch_id}",
        "gallery.show": "/gallery",
        "gallery.show wrongly": "/gallery?from=old",
        "gallery.show residual": "/gallery?sort=residual",
        "gallery.face": f"/gallery/faces/{estimated.estimate.neighbours[0].face_id}",
        "imports.list_all": "/gallery/imports",
        "imports.show": f"/gallery/imports/{checked_import(desk)}",
        "indexes.show": "/indexes",
        "indexes.compare": f"/indexes/{estimated.estimate.index}",
        "model.show": "/model",
        "learning.samples": "/samples",
        "learning.glossary_page": "/glossary",
        "account.show": "/account",
        "users.show": "/users",
        "erasing.estimate": f"/erase/estimates/{estimated.id}",
        "erasing.case": "/erase/cases/L-7",
        "tokens.show": "/tokens",
        "fairness.show": "/fairness",
        "audit.show": "/audit",
        "referrals.list_all": "/referrals",
        "referrals.list_all sent": "/referrals?box=sent",
        "notifications.show": "/notifications",
        "audit.show searched": "/audit?about=L-7",
        "audit.show wrongly": "/audit?since=yesterday",
        "replays.show": f"/estimates/{estimated.id}/replay",
        "who_looked.record": f"/reads/estimates/{estimated.id}",
        "who_looked.case": "/reads/cases/L-7",
        "users.manage": f"/users/{account(live.app, 'admin').id}",
        "second_factor.show": "/account/second-factor",
        "settings.show": "/settings",
        "api_reference.show": "/api-reference",
        "api_reference.objects": "/api-reference/objects",
        "home.show nowhere": "/nowhere",
        "sign_in.form": "/sign-in",
        "sign_in.welcome": f"/welcome/{desk.accounts.add('someone new', 'auditor').token}",
    }
