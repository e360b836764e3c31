from __future__ import annotations

import inspect
from itertools import chain

from flask import Flask


def test_everything_that_a_request_calls_is_a_plain_function(app: Flask) -> None:
    """Flask would have to run coroutines; there are none, which it need not find out at every call."""
    hooks = chain(*app.before_request_funcs.values(), *app.after_request_funcs.values())
    handlers = chain(*(kinds.values() for spec in app.error_handler_spec.values() for kinds in spec.values()))
    called = [*app.view_functions.values(), *hooks, *chain(*app.teardown_request_funcs.values()), *handlers]
    assert len(called) > 60
    assert not [function for function in called if inspect.iscoroutinefunction(function)]
    assert all(app.ensure_sync(function) is function for function in called)


def test_a_program_without_a_cookie_gets_none(app: Flask) -> None:
    """No session begins for what an API client asks."""
    answer = app.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
