from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.audit.chain import (
    BEGINNING,
    canonical,
    chain_fault,
    content_fault,
    content_sha256,
    differing,
    event_bytes,
    event_sha256,
    next_event,
)
from simsvc.domain.audit.checkpoint import checkpoint_text, parse_checkpoint
from simsvc.errors import CheckpointRefused
from simsvc.values.events import Checkpoint, Event, EventKind, NewEvent, actor_of

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DIGEST = "ab" * 32
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcé\0\U0001f600"), inner, max_size=3)
    ),
    max_leaves=8,
)


def chained(count: int) -> list[Event]:
    events: list[Event] = []
    for number in range(count):
        new = NewEvent(EventKind.EXPORT, "user:1", f"case:{number}", {})
        events.append(
            next_event(new, NOW + timedelta(seconds=number), DIGEST, events[-1] if events else None)
        )
    return events


TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text('ab"\\/\n\x7f\u2028é')


@given(st.integers(1, 2**53 - 1), st.lists(TEXTS, min_size=6, max_size=6))
def test_the_bytes_of_an_event_are_canonical_json(seq: int, texts: list[str]) -> None:
    """What the hash covers is RFC 8785's form, whatever the fields say."""
    at, kind, actor, subject, content, previous = texts
    event = Event(seq, at, kind, actor, subject, content, previous, "")
    covered = {field.name: getattr(event, field.name) for field in fields(event) if field.name != "sha256"}
    assert event_bytes(event) == canonical(covered).encode()
    assert event_sha256(event) == hashlib.sha256(event_bytes(event)).hexdigest()


def first_fault(events: list[Event]) -> tuple[int, str] | None:
    last = None
    for place, event in enumerate(events):
        fault = chain_fault(event, last)
        if fault:
            return place, fault
        last = event
    return None


@given(st.dictionaries(st.text("ab"), JSON, max_size=4))
def test_canonical_text_is_read_back_as_what_was_written(content: dict[str, object]) -> None:
    """Whatever JSON holds comes back equal, and its canonical text is its own canonical text."""
    text = canonical(content)
    assert json.loads(text) == content
    assert canonical(json.loads(text)) == text


def plain_doubles(value: Any) -> Any:
    """Return JSON with its whole doubles as integers, which is how RFC 8785 writes them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: plain_doubles(one) for name, one in value.items()}
    return [plain_doubles(one) for one in value] if isinstance(value, list) else value


USUAL = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15).filter(lambda value: value.is_integer() or abs(value) >= 1e-4)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(max_codepoint=0x7F)), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(max_codepoint=0x7F)), USUAL, max_size=4))
def test_canonical_text_is_that_of_pythons_encoder(content: dict[str, Any]) -> None:
    """Earlier builds wrote content with Python's encoder where its names are ASCII and its doubles plain."""
    encoder = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert canonical(content) == encoder.encode(plain_doubles(content))


LOGGED = json.loads(Path(__file__).with_name("logged_events.json").read_text(encoding="utf-8"))
"""Events with floats, Unicode and nested content, written by a build that used Python's encoder."""


def test_a_log_of_an_earlier_build_has_no_fault() -> None:
    """Its events chain, and each content fits its digest."""
    assert first_fault([Event(**one["event"]) for one in LOGGED]) is None
    for one in LOGGED:
        assert content_fault(Event(**one["event"]), bytes.fromhex(one["salt"]), one["content"]) is None


@pytest.mark.parametrize("logged", LOGGED, ids=lambda logged: logged["event"]["subject"].split(":")[0])
def test_an_event_gets_the_bytes_that_an_earlier_build_gave_it(logged: dict[str, Any]) -> None:
    """The same content gives the same text, and the same event the same hash."""
    assert canonical(logged["given"]) == logged["content"]
    assert event_sha256(Event(**logged["event"])) == logged["event"]["sha256"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), NOW, "half a pair \ud83d", 2**53 + 1, b"x"])
def test_what_is_no_json_is_refused(value: object) -> None:
    """Numbers that are none, times, half a surrogate pair, integers that no double holds, and bytes."""
    with pytest.raises(ValueError, match="must be JSON"):
        canonical({"a": [value]})


def test_canonical_text_is_that_of_rfc_8785() -> None:
    """The example of the standard's section 3.2.2 becomes the text of its section 3.2.3."""
    content = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f",
        "literals": [None, True, False],
    }
    assert canonical(content) == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_the_hash_is_that_of_a_text_that_anyone_can_write() -> None:
    """An auditor with sha256sum and this text gets the hash: names in order, no spaces."""
    event = next_event(NewEvent(EventKind.EXPORT, "user:1", "history", {}), NOW, DIGEST, None)
    text = (
        f'{{"actor":"user:1","at":"2026-01-31T12:00:00.000000Z","content_sha256":"{DIGEST}",'
        f'"kind":"export","previous_sha256":"{BEGINNING}","seq":1,"subject":"history"}}'
    )
    assert event.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert content_sha256(b"salt", "{}") == hashlib.sha256(b"salt{}").hexdigest()


def test_time_is_utc_whatever_the_clock_says() -> None:
    """The same instant in another zone makes the same event."""
    new = NewEvent(EventKind.EXPORT, "user:1", "history", {})
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    assert next_event(new, elsewhere, DIGEST, None) == next_event(new, NOW, DIGEST, None)
    assert next_event(new, NOW, DIGEST, None).time == NOW


@given(st.integers(1, 6), st.data())
def test_any_change_of_any_byte_of_any_event_is_found(count: int, data: st.DataObject) -> None:
    """One changed character of one field, hashes included, is a fault at just that event."""
    events = chained(count)
    place = data.draw(st.integers(0, count - 1))
    name = data.draw(st.sampled_from([field.name for field in fields(Event)]))
    before = getattr(events[place], name)
    if isinstance(before, int):
        after: object = data.draw(st.integers(-3, count + 3).filter(lambda seq: seq != before))
    else:
        at = data.draw(st.integers(0, len(before) - 1))
        other = data.draw(st.characters().filter(lambda char: char != before[at]))
        after = before[:at] + other + before[at + 1 :]
    events[place] = replace(events[place], **{name: after})
    found = first_fault(events)
    assert found is not None
    assert found[0] == place


@given(st.integers(2, 6), st.data())
def test_an_event_made_anew_is_found_at_the_next(count: int, data: st.DataObject) -> None:
    """Who also makes the changed event's hash anew is found out by the event after it."""
    events = chained(count)
    place = data.draw(st.integers(0, count - 2))
    forged = replace(events[place], actor="user:2")
    events[place] = replace(forged, sha256=event_sha256(forged))
    found = first_fault(events)
    assert found is not None
    assert found[0] == place + 1


@given(st.integers(2, 6), st.data())
def test_a_missing_or_moved_event_is_found(count: int, data: st.DataObject) -> None:
    """Events taken out before the last one, or in another order, are a fault at their place."""
    events = chained(count)
    place = data.draw(st.integers(0, count - 2))
    without = events[:place] + events[place + 1 :]
    swapped = [*events[:place], events[place + 1], events[place], *events[place + 2 :]]
    for changed in (without, swapped):
        found = first_fault(changed)
        assert found is not None
        assert found[0] == place
        assert str(place + 1) in found[1]


def test_an_untouched_chain_has_no_fault() -> None:
    """Events as they were chained follow each other."""
    assert first_fault(chained(20)) is None


@given(
    st.binary(min_size=32, max_size=32),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.data(),
)
def test_content_is_held_to_its_digest(salt: bytes, content: str, data: st.DataObject) -> None:
    """Content and salt as logged fit; another content, another salt, or a byte moved between them do not."""
    event = replace(chained(1)[0], content_sha256=content_sha256(salt, content))
    assert content_fault(event, salt, content) is None
    other = data.draw(st.text().filter(lambda text: text != content))
    assert content_fault(event, salt, other)
    assert content_fault(event, bytes([salt[0] ^ 1]) + salt[1:], content)
    assert content_fault(event, salt + content[0].encode(), content[1:])


def test_only_what_was_logged_is_compared() -> None:
    """A field that came with a later version is no difference; one that changed or went is."""
    assert differing({"a": 1, "b": [1.0]}, {"a": 1, "b": [1], "new": 2}) == ()
    assert differing({"a": 1, "b": 2, "c": 3}, {"a": 2, "b": 2}) == ("a", "c")


def test_actors_are_told_apart() -> None:
    """An account is a user, what names itself stays as it is, and nobody is a program."""
    assert [actor_of(account) for account in ("ab", "token:7", None)] == ["user:ab", "token:7", "program"]


@pytest.mark.parametrize(("actor", "subject"), [("", "s"), ("a" * 65, "s"), ("a", ""), ("a", "s" * 161)])
def test_an_event_needs_short_words(actor: str, subject: str) -> None:
    """Actor and subject that no column could hold are refused before anything is written."""
    with pytest.raises(ValueError, match="actor"):
        NewEvent(EventKind.EXPORT, actor, subject, {})


def test_a_checkpoint_comes_back_from_its_file() -> None:
    """What is written is read back."""
    checkpoint = Checkpoint(7, DIGEST, "2026-01-31T12:00:00.000000Z")
    assert parse_checkpoint(checkpoint_text(checkpoint)) == checkpoint


GOOD = json.loads(checkpoint_text(Checkpoint(7, DIGEST, "2026")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        *(
            json.dumps(GOOD | change)
            for change in (
                {"format": 2},
                {"seq": 0},
                {"seq": True},
                {"seq": "7"},
                {"sha256": "AB" * 32},
                {"sha256": None},
                {"at": 3},
            )
        ),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Nonsense gives a sentence that says which file is meant."""
    with pytest.raises(CheckpointRefused, match="flask audit checkpoint"):
        parse_checkpoint(text)
