"""`python -m tests.screenshots`: take the pictures of README and documentation.

They show the shipped model and the demo faces. The photo is a composite that is no reference face then.
"""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from simsvc import cli
from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings, load_settings
from simsvc.values import Declaration
from simsvc.web.app import create_app
from tests.simsvc.web.signed_in import account, client_of

OUT = Path(__file__).parents[1] / "docs" / "pictures"
APPLICANT = "composite_0263.jpg"
PERSON = "Anna Lindqvist"
WIDE, NARROW = {"width": 1280, "height": 1640}, {"width": 390, "height": 1200}
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Serve an installation of its own, and take every picture."""
    with TemporaryDirectory() as folder, serving(Path(folder)) as (app, url), browsing() as browser:
        photo = photo_of(load_settings({}).gallery_dir / APPLICANT)
        pipeline = app.extensions["simsvc"].pipeline()
        declared = Declaration("L-2026/17", date(2000, 2, 29), date(2026, 6, 1))
        asked_by = account(app, "underwriter", PERSON).id
        record = estimate(photo, "applicant.jpg", pipeline, asked_by, declared)
        result = f"/estimates/{record.id}"
        for name, size, language in (
            ("result-1280", WIDE, "en-GB"),
            ("result-390", NARROW, "en-GB"),
            ("result-zh-1280", WIDE, "zh-CN"),
        ):
            with opened(browser, app, url + result, size, language) as page:
                page.screenshot(path=OUT / f"{name}.png")
        with opened(browser, app, f"{url}/estimates", {"width": 1280, "height": 1140}, "en-GB") as page:
            page.set_input_files(
                "#photo", {"name": "applicant.jpg", "mimeType": "image/jpeg", "buffer": photo}
            )
            page.wait_for_selector(".check-aspects li")
            page.screenshot(path=OUT / "start-1280.png")
        with opened(browser, app, f"{url}/indexes", {"width": 1280, "height": 650}, "en-GB") as page:
            page.screenshot(path=OUT / "indexes-1280.png")


def photo_of(composite: Path) -> bytes:
    """Return a composite as a larger JPEG."""
    file = io.BytesIO()
    Image.open(composite).resize((480, 480), Image.Resampling.LANCZOS).save(file, "JPEG", quality=95)
    return file.getvalue()


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Flask, str]]:
    """Serve the shipped model and the demo faces but one; yield application and address."""
    app = create_app(installation(folder))
    cli.register(app)
    for command in (["db", "upgrade"], ["index", "build"]):
        ended = app.test_cli_runner().invoke(args=command)
        if ended.exit_code:
            raise SystemExit(ended.output)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield app, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    app.extensions["simsvc"].database.close()


def installation(folder: Path) -> Settings:
    """Return settings for a new folder, with a gallery that lacks the applicant."""
    settings = load_settings({})
    gallery = shutil.copytree(settings.gallery_dir, folder / "gallery", ignore=lambda *_: {APPLICANT})
    table = gallery / "labels.csv"
    rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join(row for row in rows if not row.startswith(APPLICANT)))
    return settings.model_copy(
        update={
            "gallery_dir": gallery,
            "index_root": folder / "indexes",
            "database_url": f"sqlite:///{folder / 'simsvc.sqlite3'}",
            "secret_key_file": folder / "key",
            "log_key_file": None,
            "batch_dir": folder / "batches",
            "model_root": folder / "models",
        }
    )


@contextmanager
def browsing() -> Iterator[Browser]:
    """Start the system's Chromium."""
    path = next(found for name in CHROMIUM if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, app: Flask, address: str, size: dict[str, int], language: str) -> Iterator[Page]:
    """Open a page in the light theme, signed in as an underwriter."""
    looks: dict[str, Any] = {"viewport": size, "locale": language, "color_scheme": "light"}
    context = browser.new_context(**looks)
    cookie = client_of(app, account(app, "underwriter", PERSON)).get_cookie("simsvc")
    if cookie is None:
        raise SystemExit("Signing in gave no cookie.")
    context.add_cookies([{"name": "simsvc", "value": cookie.value, "domain": "127.0.0.1", "path": "/"}])
    page = context.new_page()
    page.goto(address, wait_until="networkidle")
    yield page
    context.close()


if __name__ == "__main__":
    main()
