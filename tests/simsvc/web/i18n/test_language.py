from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.mofile import read_mo
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.estimate.explain import explain
from simsvc.domain.estimate.flags import FLAGS, flag_sentence
from simsvc.domain.photo.decode import decode
from simsvc.errors import SimsvcError
from simsvc.settings import Settings
from simsvc.values import Neighbour
from simsvc.web.i18n.command import read_catalogue
from simsvc.web.i18n.language import LANGUAGES, TRANSLATIONS_DIR, phrase_book
from simsvc.web.i18n.messages import COMPOSED, every_message, of_errors
from simsvc.web.i18n.phrase_book import GAP, PhraseBook
from simsvc.web.rendering.age_plot import age_plot, range_words
from tests.simsvc.web.helpers import upload
from tests.simsvc.web.signed_in import client_of, signed_in
from tests.small_site import drawn_photo

HAN = re.compile(r"[\u4e00-\u9fff]")
LATIN_SENTENCE = re.compile(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}")


@pytest.fixture
def book() -> PhraseBook:
    return phrase_book("zh_Hans")


def test_every_message_has_its_chinese(site: Settings) -> None:
    """A message that a page gains without a translation fails here: run `flask translations update`."""
    wanted = {message.id for message in every_message(site.templates_dir) if message.id}
    catalogue = read_catalogue("zh_Hans")
    lacking = [i for i in wanted if not (found := catalogue.get(i)) or not found.string or found.fuzzy]
    assert lacking == []
    assert {message.id for message in catalogue if message.id} == wanted


def test_the_compiled_catalogue_is_that_of_the_text() -> None:
    """What is committed compiled says the same as what is edited: run `flask translations compile`."""
    with (TRANSLATIONS_DIR / "zh_Hans" / "LC_MESSAGES" / "messages.mo").open("rb") as file:
        compiled = {_key(message): _texts(message) for message in read_mo(file) if message.id}
    assert compiled == {_key(m): _texts(m) for m in read_catalogue("zh_Hans") if m.id}


def _key(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def _texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def test_translations_keep_every_gap() -> None:
    """A translation fills the gaps of its message and no others; only {2} of "none are" may be dropped."""
    for message in read_catalogue("zh_Hans"):
        if isinstance(message.id, str) and message.id:
            named = re.compile(r"%\((\w+)\)s|\{(\w+)\}")
            wanted, found = set(named.findall(message.id)), set(named.findall(str(message.string)))
            assert found <= wanted, message.id
            assert wanted - found <= {("", "2")}, message.id


DEAD = (
    "带标签人脸",
    "估算",
    "判读",
    "判断",
    "截图",
    "采信",
    "改定",
    "被取代",
)
"""Words that the catalogue once used beside the one term that each thing has now."""
AT = r"[\u4e00-\u9fff\u201c\u201d\uff08\uff09]"
HALF_WIDTH = re.compile(rf"{AT}[,;:!?()]|[,;:!?()]{AT}|{AT}\.(?![A-Za-z0-9])")
CODE = re.compile(r"`[^`]*`|%\(\w+\)s|<[^>]*>|%%|[{]\d*[}]")


def chinese() -> list[tuple[str, str]]:
    messages = [message for message in read_catalogue("zh_Hans") if message.id]
    return [(_key(message)[0], text) for message in messages for text in _texts(message)]


def test_the_catalogue_has_one_word_for_each_thing() -> None:
    """None of the words that were given up is back; a screenshot is no crop of ours."""
    kept = {"is the original file, not a screenshot or a thumbnail"}
    dead = [(text, word) for id_, text in chinese() for word in DEAD if word in text and id_ not in kept]
    assert dead == []
    book = dict(chinese())
    assert book["never used"] == "从未使用"
    assert book["Token name"] == "名称"
    assert book["Reference faces"] == "参考人脸"


def test_the_catalogue_is_punctuated_in_full_width() -> None:
    """No ASCII comma, colon, semicolon, mark or bracket stands at a Chinese character, nor a full stop."""
    assert [text for _, text in chinese() if HALF_WIDTH.search(CODE.sub("", text))] == []


def test_a_sentence_is_found_by_its_form(book: PhraseBook) -> None:
    """Figures pass through; what stands in a gap is translated too; several sentences are taken apart."""
    assert book.translate("The face is blurred. Use a sharper photo.") == "人脸模糊。请使用更清晰的照片。"
    small = "The face is only 31 pixels across; at least 48 are needed. "
    assert "31" in book.translate(f"{small}Crop the original photo to the face, or use one taken closer.")
    pdf = "This file is a PDF document, which is not accepted. Save it as JPEG or PNG and try again."
    assert book.translate(pdf).startswith("此文件是PDF 文档")
    both = book.translate(f"{FLAGS['blurred']} {FLAGS['tilted']}")
    assert both == book.translate(FLAGS["blurred"]) + book.translate(FLAGS["tilted"])


@given(st.text())
def test_what_is_unknown_stays_as_it_is(text: str) -> None:
    """Any text that is no message comes back, or a translation that is not empty."""
    assert PhraseBook({"The face is {0}.": "脸{0}"}).translate(text) == text or text.startswith(
        "The face is "
    )


@pytest.mark.parametrize("flag", [*FLAGS, "of_a_later_version"])
def test_every_flag_speaks_chinese(book: PhraseBook, flag: str) -> None:
    """Each flag's sentence is translated, also that of one unknown here."""
    assert HAN.search(book.translate(flag_sentence(flag)))


@pytest.mark.parametrize("close", [0, 1, 7])
def test_the_evidence_speaks_chinese(book: PhraseBook, close: int) -> None:
    """None, one and several close faces each make a sentence without English in it."""
    near = [Neighbour(f"f{n}", 40.0 if n < close else 70.0, 0.3) for n in range(12)]
    said = explain(40.0, near)
    assert said
    translated = book.translate(said.sentence)
    assert HAN.search(translated)
    assert not LATIN_SENTENCE.search(translated)
    assert not re.search(r"\b(is|are|none)\b", translated)


def test_the_plot_speaks_chinese(book: PhraseBook) -> None:
    """Its description and the words of its range are translated whole."""
    plot = age_plot(40.0, [Neighbour("a", 41.0, 0.2)], (33.0, 47.0), 0.9)
    assert not LATIN_SENTENCE.search(book.translate(plot.description))
    assert book.translate(range_words((33.0, 47.0), 0.9)) == "可能在 33 至 47 岁之间\uff0890% 区间\uff09"


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4", b"hello", b"GIF89a", b"\xff\xd8\xff\xe0"])
def test_every_refusal_of_a_photo_speaks_chinese(book: PhraseBook, data: bytes) -> None:
    """What the decoder says of bad bytes is known to the catalogue."""
    with pytest.raises(SimsvcError) as caught:
        decode(data)
    assert HAN.search(book.translate(caught.value.sentence))


def test_composed_sentences_are_those_of_the_code() -> None:
    """Each sentence listed by hand still stands in the code, piece by piece."""
    code = " ".join(
        re.sub(r'"\s*f?"', "", path.read_text())
        for path in (Path(__file__).parents[4] / "simsvc").rglob("*.py")
        if "translating" not in path.parts
    )
    for sentence in COMPOSED:
        for piece in GAP.split(sentence)[::2]:  # "none are" is put together in the code itself
            assert all(words.strip(" .,;") in code for words in piece.split("none are")), sentence


def test_errors_are_found_in_source() -> None:
    """Literals and f-strings of error calls are collected, their values as numbered gaps."""
    source = (
        '_TRY = "Try."\nraise NoFace(f"Only {n:.0f} of {m}. {_TRY}")\nraise ValueError("no")\nNoFace("b")'
    )
    assert sorted(of_errors(source)) == ["Only {0} of {1}. Try.", "b"]


@pytest.mark.parametrize(
    ("asked", "language"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"), ("zh", "zh-Hans"), ("en-GB,en", "en"), ("fr", "en"), ("", "en")],
)
def test_the_browser_is_asked_for_its_language(app: Flask, asked: str, language: str) -> None:
    """Without a choice the page comes as the browser wishes, else in English."""
    html = app.test_client().get("/sign-in", headers={"Accept-Language": asked}).text
    assert f'<html lang="{language}"' in html


def test_the_choice_of_language_is_kept(client: FlaskClient) -> None:
    """The switch works without script, leads back to the page and outweighs the browser's wish."""
    response = client.post("/display", data={"language": "zh_Hans", "next": "/gallery"})
    assert (response.status_code, response.headers["Location"]) == (303, "/gallery")
    assert "HttpOnly" in response.headers["Set-Cookie"]
    assert "参考人脸" in client.get("/gallery", headers={"Accept-Language": "en"}).text
    client.post("/display", data={"language": "en"})
    assert "Reference faces" in client.get("/gallery").text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_choice_of_theme_is_kept(client: FlaskClient, theme: str) -> None:
    """The theme is in the page itself, so that it needs no script; "auto" leaves it to the system."""
    client.post("/display", data={"theme": theme})
    assert f'data-bs-theme="{theme}"' in client.get("/").text
    client.post("/display", data={"theme": "auto"})
    assert "data-bs-theme" not in client.get("/").text


@pytest.mark.parametrize("form", [{"language": "xx"}, {"theme": "<b>"}, {"next": "//evil.example"}, {}])
def test_a_choice_that_is_none_changes_nothing(client: FlaskClient, form: dict[str, str]) -> None:
    """Unknown values set no cookie and lead nowhere else."""
    response = client.post("/display", data=form)
    assert response.headers["Location"] == "/"
    assert "language=" not in response.headers.get("Set-Cookie", "")
    assert set(LANGUAGES) == {"en", "zh_Hans"}


def shown_words(html: str) -> str:
    main = re.split(r"<main[^>]*>", html)[1]
    body = re.sub(r'(?s)<script.*?</script>|<table class="accounts">.*?</table>|`[^`]+`', "", main)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def test_chinese_pages_hold_no_english_sentence(app: Flask) -> None:
    """Answer, refusal, errors, accounts and sign-in are Chinese throughout; file names stay what they are."""
    client = signed_in(app, "admin")
    client.set_cookie("language", "zh_Hans")
    addresses = ["/", "/gallery", "/account", "/users", "/nowhere", "/estimates/" + "0" * 32]
    addresses += [upload(client, photo) for photo in (drawn_photo(), b"no photo", b"")]
    pages = [client.get(address).text for address in addresses]
    nobody = client_of(app, None)
    nobody.set_cookie("language", "zh_Hans")
    pages += [nobody.get(path).text for path in ("/sign-in?ended=1", "/welcome/none")]
    pages.append(nobody.post("/sign-in", data={"name": "a", "password": "b"}).text)
    pages.append(client.post("/estimates", data={"photo": (io.BytesIO(b""), "")}).text)
    for html in pages:
        words = shown_words(html)
        assert HAN.search(words)
        assert not LATIN_SENTENCE.search(words), words
