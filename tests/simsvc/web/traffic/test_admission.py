from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from flask import Flask

from simsvc.errors import Busy
from simsvc.web.traffic.admission import AdmissionQueue, register
from simsvc.web.traffic.rate_limits import UPLOADS
from simsvc.web.traffic.work import of_work
from tests.helpers import wait_until
from tests.simsvc.web.programs import program
from tests.simsvc.web.signed_in import signed_in
from tests.small_site import drawn_photo


def test_one_too_many_is_refused_and_comes_in_once_a_place_is_free() -> None:
    """With one turn and no waiting place, the second is Busy, and has its turn when the first has ended."""
    turns = AdmissionQueue(at_once=1, waiting=0)
    with turns.turn(), pytest.raises(Busy), turns.turn():
        pass
    with turns.turn():
        pass


def test_who_waits_is_let_in_when_the_one_before_has_failed() -> None:
    """A view that raises gives its turn back to the request that waits."""
    turns, entered, through = AdmissionQueue(at_once=1, waiting=1), threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        with turns.turn():
            through.set()

    waiter = threading.Thread(target=wait)

    def fail() -> None:
        with turns.turn():
            waiter.start()
            entered.wait(5)
            raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        fail()
    waiter.join(5)
    assert through.is_set()


def test_patience_ends() -> None:
    """A turn that does not come in time is refused, and its place is free again."""
    turns = AdmissionQueue(at_once=1, waiting=1, patience_s=0.01)
    with turns.turn():
        for _ in range(3):
            with pytest.raises(Busy, match="Try again"), turns.turn():
                pass


def line_up(pool: ThreadPoolExecutor, turns: AdmissionQueue, waits: Callable[[], None]) -> None:
    """Start what waits for a turn, and return when it is in the queue."""
    before = turns.queue_length
    pool.submit(waits)
    wait_until(lambda: turns.queue_length > before, 5)


def test_turns_come_in_order_and_nobody_slips_in() -> None:
    """Whoever comes back at once waits behind those that waited before; every turn is given back."""
    turns = AdmissionQueue(at_once=1, waiting=3)
    order: list[str] = []

    def wait(name: str) -> None:
        with turns.turn():
            order.append(name)

    with ThreadPoolExecutor(3) as pool:
        with turns.turn():
            for name in "abc":
                line_up(pool, turns, partial(wait, name))
        with turns.turn():
            order.append("again")
    assert order == ["a", "b", "c", "again"]
    with turns.turn():
        pass


def test_every_upload_that_is_judged_takes_turns() -> None:
    """Only uploads that another process judges wait in a queue of their own."""
    assert set(UPLOADS) - set(of_work("judging")) == {"batches.create", "imports.create"}
    assert set(UPLOADS) <= set(of_work("judging", "taking_in"))


def test_a_turn_that_lasts_too_long_lets_the_next_one_in() -> None:
    """Whoever waits comes in when the limit is over, not before."""
    turns = AdmissionQueue(at_once=1, waiting=1, longest_s=0.1)
    turns.take()
    began_s = time.monotonic()
    with turns.turn():
        assert time.monotonic() - began_s >= 0.1


def test_a_turn_that_lasted_too_long_gives_back_nothing_twice() -> None:
    """The place of a late turn was given to the next one: when the late one ends, nobody else comes in."""
    turns = AdmissionQueue(at_once=1, waiting=1, longest_s=0.1)
    late = turns.take()
    with turns.turn():
        turns.give_back(late)
        began_s = time.monotonic()
        turns.take()
        assert time.monotonic() - began_s >= 0.1


def test_a_request_of_many_photos_gives_way_between_them() -> None:
    """Who waits comes in between two photos of another request, which goes on afterwards."""
    turns = AdmissionQueue(at_once=1, waiting=0)
    order: list[str] = []
    ended = turns.take()
    turns.give_back(ended)
    held = turns.take()

    def wait() -> None:
        turn = turns.give_way(ended)  # waits although nobody may: it had a turn before
        order.append("other")
        turns.give_back(turn)

    with ThreadPoolExecutor(1) as pool:
        line_up(pool, turns, wait)
        held = turns.give_way(held)
        order.append("second photo")
        turns.give_back(held)
    assert order == ["other", "second photo"]
    with turns.turn(), pytest.raises(Busy), turns.turn():
        pass


def test_programs_and_people_are_told_when_to_come_back(app: Flask) -> None:
    """With no place free, the API answers problem+json and the desk a page: 503, with Retry-After."""
    register(app, AdmissionQueue(at_once=0, waiting=0))
    api = program(app, "estimate").post(
        "/api/v1/estimates", data={"photo": (io.BytesIO(drawn_photo()), "a.jpg")}
    )
    page = signed_in(app).post("/crop", data={"photo": (io.BytesIO(drawn_photo()), "a.jpg")})
    assert (api.status_code, page.status_code) == (503, 503)
    assert int(api.headers["Retry-After"]) > 0 < int(page.headers["Retry-After"])
    assert (api.mimetype, api.get_json()["code"]) == ("application/problem+json", "busy")
    assert "Try again in a few seconds" in page.text
