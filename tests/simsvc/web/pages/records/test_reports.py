from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import text

from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.values import Crop, DecisionDraft, Declaration, Estimate, Neighbour, RecordedEstimate
from simsvc.web.app import create_app
from simsvc.web.rendering.reports.pdf_fonts import font_of
from simsvc.web.rendering.reports.pdf_report import write_pdf
from simsvc.web.rendering.reports.report import Report, Row, Section
from simsvc.wiring.erasure import eraser
from simsvc.wiring.services import Services
from tests.simsvc.web.helpers import checked, pdf_text
from tests.simsvc.web.signed_in import account, signed_in
from tests.small_site import drawn_photo

CODE = re.compile(r"\d+-[0-9a-f]{16}-\d+-[0-9a-f]{16}")


@pytest.fixture
def app(open_site: Settings) -> Iterator[Flask]:
    app = create_app(open_site)
    yield app
    app.extensions["simsvc"].database.close()


def judged(desk: Services, seed: int, case: str | None = None) -> RecordedEstimate:
    declared = Declaration(case, date(1990, 5, 4), date(2024, 6, 1))
    return estimate(drawn_photo(seed), f"{seed}.jpg", desk.pipeline(), declared=declared)


def report(client: FlaskClient, path: str) -> bytes:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    return answer.data


def code_in(document: bytes) -> str:
    found = CODE.search(pdf_text(document))
    assert found
    return found[0]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            (
                "Made on",
                "by underwriter",
                "Page 1 of 2",
                "Declared birth date 1990-05-04",
                "plausible",
                "estimate",
            ),
        ),
        ("zh_Hans", ("第 1 页", "申报出生日期 1990-05-04", "可信", "估计")),
    ],
)
def test_a_record_is_filed_with_everything_about_it(
    app: Flask, desk: Services, language: str, words: tuple[str, ...]
) -> None:
    """Title, time, dates, decision, plot, faces, page numbers and code are read back in either language."""
    record = judged(desk, 3001)
    decision = DecisionDraft("accept", note="与护照一致")
    desk.decisions.add(record.id, decision, account(app, "underwriter").id, 0, desk.now())
    client = signed_in(app)
    client.set_cookie("language", language)
    document = report(client, f"/estimates/{record.id}/record.pdf")
    said = pdf_text(document)
    for expected in (*words, str(record.number), "与护照一致", record.estimate.photo_sha256):
        assert expected in said
    pages = PdfReader(io.BytesIO(document)).pages
    assert sum(len(page.images) for page in pages) == 1 + len(record.estimate.neighbours)
    assert all(len(CODE.findall(page)) >= 1 for page in said.split("\f"))


def test_every_font_of_a_report_is_embedded(app: Flask, desk: Services) -> None:
    """Whoever opens the file in ten years needs no font of theirs, also for Chinese."""
    client = signed_in(app)
    client.set_cookie("language", "zh_Hans")
    document = report(client, f"/estimates/{judged(desk, 3002).id}/record.pdf")
    fonts = {
        str(font["/BaseFont"]): font.get("/FontDescriptor")
        for page in PdfReader(io.BytesIO(document)).pages
        for font in (entry.get_object() for entry in page["/Resources"]["/Font"].values())
    }
    used = {name: found for name, found in fonts.items() if "+" in name}
    assert len(used) >= 2
    assert all(found and "/FontFile2" in found.get_object() for found in used.values())


def test_a_case_report_tells_the_whole_case(app: Flask, desk: Services) -> None:
    """Summary, each photo with its verdict, and the timeline; one export event for each record."""
    first, second = judged(desk, 3003, "Fall/甲"), judged(desk, 3004, "Fall/甲")
    said = pdf_text(report(signed_in(app), "/reports/cases/Fall/甲"))
    for expected in (
        "simsvc: case Fall/甲",
        f"Undecided Record {first.number}, Record {second.number}",
        "Combined estimate",
        "Timeline",
        f"Record {second.number}: Received and estimated",
    ):
        assert expected in said
    exports = [
        logged.event.subject
        for logged in desk.cases.events([first.id, second.id])
        if logged.event.kind == "export"
    ]
    assert exports == [f"estimate:{first.id}", f"estimate:{second.id}"]


def test_a_case_of_a_hundred_photos_is_streamed(app: Flask, desk: Services) -> None:
    """It comes in pieces, with every photo, in a file of a few megabytes."""
    random, declared = np.random.default_rng(1), Declaration("hundred", date(1985, 1, 1), date(2025, 1, 1))
    usual = Estimate(
        *("many.jpg", "", "estimated"),
        age_years=40.0,
        interval_years=(30.0, 50.0),
        coverage=0.9,
        neighbours=(Neighbour("gone", 41.0, 0.3),),
        declared=declared,
    )
    for number in range(100):
        pixels = np.kron(random.integers(0, 255, (20, 20, 3)), np.ones((10, 10, 1))).astype(np.uint8)
        desk.estimates.record(replace(usual, photo_sha256=f"{number:064d}", crop=Crop(pixels)))
    answer = signed_in(app).get("/reports/cases/hundred", buffered=False)
    pieces = list(answer.iter_encoded())
    assert len(pieces) > 5
    document = b"".join(pieces)
    assert len(document) < 5_000_000
    reader = PdfReader(io.BytesIO(document))
    assert sum(len(page.images) for page in reader.pages) == 100
    last = reader.pages[-1].extract_text()
    assert f"Page {len(reader.pages)} of {len(reader.pages)}" in last


def test_a_report_is_checked_on_the_page(app: Flask, desk: Services) -> None:
    """Its code is found with who made it and the record to compare; with one digit off, it is not."""
    record = judged(desk, 3005, "check/1")
    client = signed_in(app)
    code = code_in(report(client, f"/estimates/{record.id}/record.pdf"))
    html = client.get(f"/verify?code={code.upper()}").text
    assert "The log has exactly this record" in html
    assert "The report was made by underwriter" in html
    assert f'href="/estimates/{record.id}"' in html
    assert record.estimate.photo_sha256 in html
    assert checked(html).inline == []
    mistyped = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert "The log does not have this record" in client.get(f"/verify?code={mistyped}").text
    refused = client.get("/verify?code=<b>")
    assert (refused.status_code, "This is not a verification code" in refused.text) == (422, True)
    assert 'value="&lt;b&gt;"' in refused.text


def test_the_codes_of_case_report_and_page_are_found(app: Flask, desk: Services) -> None:
    """Both name the latest event about the case."""
    judged(desk, 3006, "codes/1")
    client = signed_in(app)
    paper = code_in(report(client, "/reports/cases/codes/1"))
    page = CODE.search(client.get("/cases/codes/1").text)
    assert page
    assert page[0].split("-")[:2] == paper.split("-")[:2]
    for code in (paper, page[0]):
        assert "The log has exactly this record" in client.get(f"/verify?code={code}").text


def test_a_changed_record_no_longer_fits_its_report(app: Flask, desk: Services) -> None:
    """Whoever changes an age in the database is found out by any report of it."""
    record = judged(desk, 3007)
    client = signed_in(app)
    code = code_in(report(client, f"/estimates/{record.id}/record.pdf"))
    with desk.database.engine.begin() as connection:
        connection.execute(
            text("UPDATE estimates SET age_years = 99 WHERE sequence = :number"), {"number": record.number}
        )
    assert "The record was changed after it was logged" in client.get(f"/verify?code={code}").text


def test_the_report_of_an_erased_record_is_still_known(app: Flask, desk: Services) -> None:
    """The event stays, and nothing of the record is shown."""
    record = judged(desk, 3008)
    client = signed_in(app)
    code = code_in(report(client, f"/estimates/{record.id}/record.pdf"))
    eraser(desk).estimate(record.id, "command")
    html = client.get(f"/verify?code={code}").text
    assert "The log has exactly this record" in html
    assert "has been erased" in html
    assert record.estimate.photo_sha256 not in html


def sheet(*rows: Row) -> bytes:
    file = io.BytesIO()
    sections = [Section("heading", rows=rows)]
    write_pdf(Report("t", "p", sections, "Code:", "1", "c", lambda n, of: f"{n}/{of}", "LACKS"), file)
    return file.getvalue()


@pytest.mark.parametrize("character", "aÅőЖΩ岁한あ")
def test_every_script_that_is_written_left_to_right_has_a_font(character: str) -> None:
    """Names of people are shown, in Latin, Cyrillic, Greek, Chinese, Japanese and Korean."""
    assert font_of(character)


def test_a_report_says_what_it_lacks_and_is_the_same_each_time() -> None:
    """Arabic becomes question marks, with a sentence; markup is only text; equal reports have equal bytes."""
    said = pdf_text(sheet(("label", "م <b>&amp;</i>")))
    assert "? <b>&amp;</i>" in said
    assert "LACKS" in said
    assert "LACKS" not in pdf_text(sheet(("label", "plain")))
    assert sheet(("a", "岁")) == sheet(("a", "岁"))


def test_the_longest_note_runs_over_pages() -> None:
    """A note of two thousand lines does not fit on a page, and is whole all the same."""
    document = sheet(("note", "\n".join(f"line{number}" for number in range(400))))
    said = pdf_text(document)
    assert all(f"line{number}" in said for number in (0, 200, 399))
    assert "\f" in said
