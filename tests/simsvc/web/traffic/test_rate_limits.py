from __future__ import annotations

import threading

import pytest
from flask import Flask
from flask_limiter import Limiter
from limits import parse
from limits.strategies import MovingWindowRateLimiter

from simsvc.web.traffic import rate_limits as limits
from simsvc.web.traffic.rate_limits import WorkerStorage


def test_counting_starts_no_thread() -> None:
    """A request waits for no other thread to begin; what exceeds the rate is refused all the same."""
    counter = MovingWindowRateLimiter(WorkerStorage())
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()  # the library's own first one
    before = threading.active_count()
    assert [counter.hit(parse("3 per minute"), "a") for _ in range(5)] == [True] * 3 + [False] * 2
    assert threading.active_count() == before
    assert counter.hit(parse("3 per minute"), "b")


def test_what_no_longer_counts_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries go when their window is over, so that memory holds no more than one window of them."""
    monkeypatch.setattr(limits, "SWEPT_EVERY_S", 0.0)
    storage = WorkerStorage()
    storage.acquire_entry("past", 9, -1)  # over before it began
    storage.acquire_entry("now", 9, 60)
    storage.acquire_entry("now", 9, 60)
    assert {key: len(entries) for key, entries in storage.events.items()} == {"past": 0, "now": 2}


def test_limits_are_looked_at_where_a_view_has_them(app: Flask) -> None:
    """Before other requests the limiter does nothing; it still writes the headers afterwards."""
    hooks = [getattr(hook, "__self__", None) for hook in app.before_request_funcs[None]]
    assert not [hook for hook in hooks if isinstance(hook, Limiter)]
    assert len(app.before_request_funcs[None]) > 5
