from __future__ import annotations

import pytest

from simsvc.domain.audit.state import (
    LoggedState,
    account_keys_sha256,
    facts_of,
    photo_result,
    unlike_results,
)
from simsvc.values.events import Event, EventKind


def event(kind: EventKind, subject: str, seq: int = 7, actor: str = "user:u1") -> Event:
    return Event(seq, "2026-01-31T12:00:00.000000Z", str(kind), actor, subject, "", "", "")


KEYS = ("hash", "link", "https://login.example.org", "4711", b"secret")


@pytest.mark.parametrize("changed", range(len(KEYS)))
def test_everything_that_opens_an_account_is_in_the_digest(changed: int) -> None:
    """Taking any of it away, or having it in the place of another, gives another digest."""
    keys = [None if place == changed else key for place, key in enumerate(KEYS)]
    assert account_keys_sha256(*keys) != account_keys_sha256(*KEYS)  # type: ignore[arg-type]
    assert account_keys_sha256("x", None, None, None, None) != account_keys_sha256(
        None, "x", None, None, None
    )


@pytest.mark.parametrize(
    ("told", "said", "facts"),
    [
        (
            event(EventKind.TOKEN, "token:t"),
            {"what": "made", "scopes": ["b", "a"], "expires_at": "2026-05-04T02:00:00+02:00"},
            {"scopes": ["a", "b"], "expires_at": "2026-05-04T00:00:00+00:00", "revoked": False},
        ),
        (event(EventKind.TOKEN, "token:t"), {"what": "revoked"}, {"revoked": True}),
        (event(EventKind.ACCOUNT, "user:u"), {"change": "role", "role": "admin"}, {"role": "admin"}),
        (event(EventKind.ACCOUNT, "user:u"), {"change": "invited"}, {}),
        (event(EventKind.BATCH, "batch:b"), {"photos": 2, "refused": 0}, {"photos": 2, "by": "user:u1"}),
    ],
)
def test_events_of_earlier_versions_say_less(
    told: Event, said: dict[str, object], facts: dict[str, object]
) -> None:
    """What they do not say is not compared."""
    assert [found for _key, found in facts_of(told, said)] == [facts]


def test_switches_of_earlier_versions_name_no_row() -> None:
    """They do not say which row they are."""
    assert list(facts_of(event(EventKind.INDEX_SWITCH, "index:demo/b-1"), {"previous": None})) == []
    assert list(facts_of(event(EventKind.MODEL_SWITCH, "model"), {"version": "1", "sha256": "ab"})) == []


def test_the_latest_word_counts() -> None:
    """A later event changes what it names, and leaves the rest; a row is compared with both."""
    state = LoggedState()
    state.hear(event(EventKind.ACCOUNT, "user:u", 3), {"change": "added", "role": "auditor"})
    state.hear(event(EventKind.ACCOUNT, "user:u", 5), {"change": "role", "role": "admin"})
    as_logged = ("u", {"role": "admin", "disabled": False, "team": "any"})
    assert list(state.differences("users", [as_logged], whole=True)) == []
    (found,) = state.differences("users", [("u", {"role": "auditor", "disabled": False})], whole=True)
    assert (found.seq, found.code, found.subject) == (5, "state_differs", "users:u")
    assert found.sentence.endswith("(event 5): role is auditor instead of admin.")


def test_rows_without_events_and_events_without_rows_differ() -> None:
    """In a table of which the log names only some rows, others may be there."""
    state = LoggedState()
    state.hear(event(EventKind.REFERRAL, "estimate:e", 4), {"referral": "r1", "state": "open"})
    found = list(state.differences("referrals", [("r2", {})], whole=True))
    assert [(problem.seq, problem.subject) for problem in found] == [
        (None, "referrals:r2"),
        (4, "referrals:r1"),
    ]
    state.hear(event(EventKind.FACE, "face:f", 6), {"what": "relabel", "age_years": 31.0})
    rows = [("f", {"age_years": 31.0}), ("g", {"age_years": 99.0})]
    assert list(state.differences("faces", rows, whole=False)) == []


def test_events_after_the_file_was_read_say_nothing_of_it() -> None:
    """Somebody who changes faces meanwhile makes nothing differ."""
    state = LoggedState(files_up_to=5)
    for seq in (5, 6):
        said = {"what": "remove", "face_changes": seq, "set_sha256": "ab"}
        state.hear(event(EventKind.FACE, "face:f", seq), said)
    assert list(state.differences("face_changes", [("5", {"sha256": "ab"})], whole=True)) == []


def test_results_of_erased_photos_may_lose_their_reason() -> None:
    """Only where they were erased, and only where there was no record."""
    ended = event(EventKind.BATCH, "batch:b")
    logged = [photo_result("refused", "no_face", None), photo_result("estimated", None, "e1")]
    erased = [photo_result("refused", "erased", None), photo_result("failed", "erased", None)]
    found = [problem.subject for problem in unlike_results(ended, logged, erased, {0, 1})]
    assert found == ["batch_photos:b/1"]
    assert len(list(unlike_results(ended, logged, erased, set()))) == 2
