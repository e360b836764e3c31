from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Message as Entry
from babel.messages.mofile import read_mo
from flask import Flask
from flask.testing import FlaskClient

from simsvc.adapters.ops.atomic_files import difference, fingerprint
from simsvc.domain.estimate.explain import explain
from simsvc.domain.estimate.flags import FLAGS, flag_sentence
from simsvc.domain.estimate.rules import parse_rules
from simsvc.domain.photo.decode import decode
from simsvc.errors import BundleDamaged, FaceTooSmall, IndexDamaged, SimsvcError, UnsupportedFormat
from simsvc.messages import Message, joined
from simsvc.settings import Settings
from simsvc.values import ROLES, Neighbour
from simsvc.web.i18n import words
from simsvc.web.i18n.command import every_message, read_catalogue
from simsvc.web.i18n.language import LANGUAGES, TRANSLATIONS_DIR, translated
from simsvc.web.rendering.charts.age_plot import age_plot
from tests.simsvc.web.api.test_estimates import STEPS
from tests.simsvc.web.helpers import upload
from tests.simsvc.web.signed_in import client_of, signed_in
from tests.small_site import drawn_photo

HAN = re.compile(r"[\u4e00-\u9fff]")
LATIN_SENTENCE = re.compile(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}")


@pytest.fixture
def chinese_of(app: Flask) -> Iterator[Callable[[Message], str]]:
    with app.test_request_context(headers={"Accept-Language": "zh"}):
        yield translated


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


def _key(message: Entry) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def _texts(message: Entry) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def test_translations_keep_every_gap() -> None:
    """A translation fills the gaps of its message, and no others."""
    for message in read_catalogue("zh_Hans"):
        if isinstance(message.id, str) and message.id:
            named = re.compile(r"%\((\w+)\)[-+.0-9]*\w|\{(\w+)\}")
            assert set(named.findall(message.id)) == set(named.findall(str(message.string))), message.id


AT = r"[\u4e00-\u9fff\u201c\u201d\uff08\uff09]"
HALF_WIDTH = re.compile(rf"{AT}[,;:!?()]|[,;:!?()]{AT}|{AT}\.(?![A-Za-z0-9])")
CODE = re.compile(r"`[^`]*`|%\(\w+\)[-+.0-9]*\w|<[^>]*>|%%")


def chinese() -> list[tuple[str, str]]:
    messages = [message for message in read_catalogue("zh_Hans") if message.id]
    return [(_key(message)[0], text) for message in messages for text in _texts(message)]


def test_the_catalogue_has_one_word_for_each_thing() -> None:
    """The terms that the table of words fixes are those of the catalogue."""
    book = dict(chinese())
    assert book["never used"] == "从未使用"
    assert book["Token name"] == "名称"
    assert book["Reference faces"] == "参考人脸"


def test_the_catalogue_is_punctuated_in_full_width() -> None:
    """No ASCII comma, colon, semicolon, mark or bracket stands at a Chinese character, nor a full stop."""
    assert [text for _, text in chinese() if HALF_WIDTH.search(CODE.sub("", text))] == []


def test_a_message_is_said_with_its_figures_and_words(chinese_of: Callable[[Message], str]) -> None:
    """Figures pass through, a word in a gap is translated too, and sentences follow without a blank."""
    small = FaceTooSmall(side_px=31.4, least_px=48.0).message
    assert "31" in chinese_of(small)
    with pytest.raises(UnsupportedFormat) as caught:
        decode(b"%PDF-1.4")
    assert chinese_of(caught.value.message).startswith("此文件是PDF 文档")
    blurred, tilted = flag_sentence("blurred"), flag_sentence("tilted")
    assert chinese_of(joined(blurred, tilted)) == chinese_of(blurred) + chinese_of(tilted)


def test_what_is_unknown_stays_as_it_is(chinese_of: Callable[[Message], str]) -> None:
    """A sentence that an earlier version recorded is shown in its English, also with a percent sign."""
    assert chinese_of(Message("100% of it was said otherwise.")) == "100% of it was said otherwise."


@pytest.mark.parametrize("flag", [*FLAGS, "of_a_later_version"])
def test_every_flag_speaks_chinese(chinese_of: Callable[[Message], str], flag: str) -> None:
    """Each flag's sentence is translated, also that of one unknown here."""
    assert HAN.search(chinese_of(flag_sentence(flag)))


def test_the_words_of_templates_are_those_of_the_code() -> None:
    """Roles, flags and the steps that are timed are listed for the catalogues."""
    assert set(words.ROLE_WORDS) == set(ROLES)
    assert set(words.FLAG_WORDS) == {flag.replace("_", " ") for flag in FLAGS}
    assert list(words.STEP_WORDS) == STEPS


@pytest.mark.parametrize("close", [0, 1, 7])
def test_the_evidence_speaks_chinese(chinese_of: Callable[[Message], str], close: int) -> None:
    """None, one and several close faces each make a sentence without English in it."""
    near = [Neighbour(f"f{n}", 40.0 if n < close else 70.0, 0.3) for n in range(12)]
    said = explain(40.0, near)
    assert said
    assert HAN.search(chinese_of(said.sentence))
    assert not re.search(r"[A-Za-z]", chinese_of(said.sentence))


def test_the_plot_speaks_chinese(chinese_of: Callable[[Message], str]) -> None:
    """Its description and the words of its range are translated whole."""
    plot = age_plot(40.0, [Neighbour("a", 41.0, 0.2)], (33.0, 47.0), 0.9)
    assert not LATIN_SENTENCE.search(chinese_of(plot.description))
    assert plot.span
    assert chinese_of(plot.span.words) == "可能在 33 至 47 岁之间\uff0890% 区间\uff09"


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4", b"hello", b"GIF89a", b"\xff\xd8\xff\xe0"])
def test_every_refusal_of_a_photo_speaks_chinese(chinese_of: Callable[[Message], str], data: bytes) -> None:
    """What the decoder says of bad bytes is known to the catalogue."""
    with pytest.raises(SimsvcError) as caught:
        decode(data)
    assert HAN.search(chinese_of(caught.value.message))


@pytest.mark.parametrize(
    "raw",
    [
        {"quality": []},
        {"quality": {"source": "s", "charm_at_least": 3}},
        {"quality": {"source": "s", "sharpness_at_least": -1}},
        {"quality": {"source": "s", "side_px": 31}},
        {"quality": {"source": "s", "side_px": 96.5}},
        {"withhold": ["ugly"]},
    ],
)
def test_what_is_wrong_with_a_model_speaks_chinese(
    chinese_of: Callable[[Message], str], raw: dict[str, object]
) -> None:
    """The clause inside the sentence is translated with it."""
    with pytest.raises(BundleDamaged) as caught:
        parse_rules(raw, "00" * 32)
    assert not LATIN_SENTENCE.search(chinese_of(caught.value.message))


@pytest.mark.parametrize("content", [None, b"", b"AB"])
def test_what_is_wrong_with_an_index_build_speaks_chinese(
    chinese_of: Callable[[Message], str], tmp_path: Path, content: bytes | None
) -> None:
    """A missing file, another length and another content are told in Chinese as a whole."""
    file = tmp_path / "faces.json"
    file.write_bytes(b"ab")
    stated = {file.name: fingerprint(file)}
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    error = IndexDamaged("damaged", label="demo/b-1", problem=difference(tmp_path, stated))
    told = chinese_of(error.message).replace("flask index use BUILD", "").replace("flask index build", "")
    assert not LATIN_SENTENCE.search(told)


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
    names = r'<table class="accounts">.*?</table>|<optgroup.*?</optgroup>'
    body = re.sub(rf"(?s)<script.*?</script>|{names}|`[^`]+`", "", main)
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
