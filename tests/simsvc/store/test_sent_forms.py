from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from simsvc.errors import KeyTaken
from simsvc.store.database import Database
from simsvc.store.sent_forms import ABANDONED, KEPT, SHOWN_WITHIN, SentForm, SentFormStore

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
ANNA, BEN = "a" * 32, "b" * 32


@pytest.fixture
def forms(database: Database) -> SentFormStore:
    return SentFormStore(database)


def test_a_form_is_answered_once(forms: SentFormStore) -> None:
    """The first claim gets it, later ones get what it made; another person's form is another."""
    assert forms.claim(ANNA, "k", NOW) is None
    assert forms.claim(ANNA, "k", NOW) == SentForm(None)
    forms.settle(ANNA, "k", "record")
    assert forms.claim(ANNA, "k", NOW) == forms.made(ANNA, "k") == SentForm("record")
    assert forms.claim(BEN, "k", NOW) is None


def test_a_form_that_made_nothing_may_come_again(forms: SentFormStore) -> None:
    """A refused form is forgotten at once, and one whose process ended after some minutes."""
    assert forms.claim(ANNA, "k", NOW) is None
    forms.release(ANNA, "k")
    assert forms.made(ANNA, "k") is None
    assert forms.claim(ANNA, "k", NOW) is None
    later = NOW + ABANDONED + timedelta(seconds=1)
    assert forms.claim(ANNA, "k", later) is None
    assert forms.claim(ANNA, "k", later) == SentForm(None)


def test_a_secret_is_taken_once_by_its_owner(forms: SentFormStore) -> None:
    """Whoever else asks gets nothing, and nobody gets it twice."""
    forms.claim(ANNA, "k", NOW)
    forms.settle(ANNA, "k", "token", b"sealed")
    assert forms.take_secret(BEN, "k", NOW) is None
    assert forms.take_secret(ANNA, "k", NOW) == b"sealed"
    assert forms.take_secret(ANNA, "k", NOW) is None
    assert forms.made(ANNA, "k") == SentForm("token")


def test_a_secret_does_not_wait_for_long(forms: SentFormStore) -> None:
    """After its time it is given to nobody, and the next form deletes it; forms go after half a day."""
    forms.claim(ANNA, "k", NOW)
    forms.settle(ANNA, "k", "token", b"sealed")
    late = NOW + SHOWN_WITHIN + timedelta(seconds=1)
    assert forms.take_secret(ANNA, "k", late) is None
    forms.claim(ANNA, "other", late)
    assert forms.take_secret(ANNA, "k", NOW) is None
    assert forms.claim(ANNA, "k", NOW + KEPT + timedelta(hours=1)) is None


def test_of_two_that_come_together_one_is_first(forms: SentFormStore) -> None:
    """Eight equal forms at the same moment: one claims it, none of the others does."""
    start, claimed = threading.Barrier(8), []

    def send() -> None:
        start.wait(30)
        try:
            claimed.append(forms.claim(ANNA, "k", NOW))
        except KeyTaken:
            claimed.append(SentForm(None))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert claimed.count(None) == 1
    assert len(claimed) == 8
