"""Requests to the pages, and their answers read back."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

from flask.testing import FlaskClient
from PIL import Image
from pypdf import PdfReader
from werkzeug.test import TestResponse

from simsvc.wiring.services import Services
from tests.drawn_faces import draw_face

VOID = {"meta", "link", "img", "input", "br", "hr"}


class Balanced(HTMLParser):
    """Checks that every element is closed, and collects what the policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.inline: list[str] = []
        self.sources: list[str] = []
        self.actions: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an opening tag."""
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]
        self.sources += [
            value or ""
            for name, value in attrs
            if name in {"src", "href"} and not (value or "").startswith("#")
        ]
        self.actions += [value or "" for name, value in attrs if name == "action"]
        if tag == "script" and "src" not in dict(attrs):
            self.inline.append("script")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Match a closing tag with the last one open."""
        assert self.open.pop() == tag


def checked(html: str) -> Balanced:
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    return parser


def upload(client: FlaskClient, data: bytes, name: str = "me.jpg") -> str:
    response = client.post("/estimates", data={"photo": (io.BytesIO(data), name)})
    assert response.status_code == 303
    return response.headers["Location"]


def token_in(html: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found
    return found[1]


def pdf_text(document: bytes) -> str:
    """Return what a PDF says, pages apart by form feeds, each line break as a blank."""
    pages = PdfReader(io.BytesIO(document)).pages
    return "\f".join(" ".join(page.extract_text().split()) for page in pages)


Files = list[tuple[bytes, str]]


def send(client: FlaskClient, photos: Files, cases: bytes | None = None) -> TestResponse:
    data = {"photos": [(io.BytesIO(content), name) for content, name in photos]}
    if cases is not None:
        data["cases"] = [(io.BytesIO(cases), "cases.csv")]
    return client.post("/batches", data=data, content_type="multipart/form-data")


def sent(client: FlaskClient, photos: Files, cases: bytes | None = None) -> str:
    response = send(client, photos, cases)
    assert response.status_code == 303, response.text
    return response.headers["Location"].rpartition("/")[2]


def judge_next(desk: Services, batch_id: str) -> bool:
    """Judge the next photo of a batch; say whether there was one that could be judged."""
    others = {
        desk.batch_book.find(found).number for found in desk.batch_book.unfinished() if found != batch_id
    }
    turn = desk.batches.judge_next("test", desk.pipeline, without=others)
    return turn is not None and turn.goes_on


def judge_all(desk: Services, batch_id: str) -> None:
    while judge_next(desk, batch_id):
        pass


def table(client: FlaskClient, batch_id: str) -> list[dict[str, str]]:
    text = client.get(f"/batches/{batch_id}/results.csv", buffered=True).data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def waiting_files(desk: Services) -> list[Path]:
    return [path for path in (desk.settings.batch_dir / "waiting").glob("*/*") if path.is_file()]


class Linked(HTMLParser):
    """Collects what a page links to, and the places in it that can be linked to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag's link and id."""
        known = dict(attrs)
        self.links |= {link for name in ("href", "src") if (link := known.get(name))}
        if tag == "form" and known.get("method") == "get":
            self.links.add(known.get("action") or "")
        self.ids |= {place for name in ("id",) if (place := known.get(name))}


def two_faces() -> bytes:
    picture = Image.new("RGB", (900, 400), (150, 160, 170))
    picture.paste(draw_face(11, 400), (0, 0))
    picture.paste(draw_face(12, 400), (500, 0))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=92)
    return file.getvalue()


STEPS = ["decode", "detect", "pick", "crop", "quality", "predict", "search", "rank", "explain", "total"]
"""The steps of an estimate whose times are reported, in order."""
