from __future__ import annotations

import io
import json
import logging
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.adapters.ops.logs import formatter
from simsvc.web.traffic.access_log import UNKNOWN
from tests.simsvc.web.programs import bearer, metrics
from tests.simsvc.web.signed_in import client_of
from tests.small_site import drawn_photo

SECRETS = ("Mr-Miller-holiday", "Miller-L-7", "a very private note", "Eve Underwriter", "203.0.113.77")


def test_what_happens_is_counted(app: Flask, client: FlaskClient) -> None:
    """An estimate and a refusal raise their counters, each step its histogram, and requests go by route."""
    before = metrics(app)
    client.post("/estimates", data={"photo": (io.BytesIO(drawn_photo()), "a.jpg")})
    client.post("/estimates", data={"photo": (io.BytesIO(b"no photo"), "a.jpg")})
    after = metrics(app)

    expected = {
        'simsvc_estimates_total{status="estimated"}': 1,
        'simsvc_estimates_total{status="refused"}': 1,
        'simsvc_refusals_total{code="not_an_image"}': 1,
        'simsvc_step_seconds_count{step="predict"}': 1,
        'simsvc_step_seconds_count{step="decode"}': 2,
        'simsvc_requests_total{method="POST",route="/estimates",status="303"}': 2,
        'simsvc_request_seconds_count{route="/estimates"}': 2,
        "simsvc_batch_photos_waiting": 0,
    }
    assert {name: after.get(name, 0) - before.get(name, 0) for name in expected} == expected
    assert after["simsvc_index_age_seconds"] > 0


def test_a_gauge_says_what_it_measures(app: Flask) -> None:
    """The help text of a gauge is its meaning, not its name again."""
    text = app.test_client().get("/metrics", headers=bearer(app, "audit")).text
    assert "# HELP simsvc_batch_photos_waiting Photos of batches that wait for an estimate." in text


def test_an_address_that_there_is_not_makes_no_series(app: Flask, client: FlaskClient) -> None:
    """Whatever is asked for, the routes stay those that there are."""
    client.get("/no/such/place")
    client.get("/cases/Miller-L-7")
    series = "\n".join(metrics(app))
    assert "such" not in series
    assert "Miller" not in series
    assert UNKNOWN in series
    assert 'route="/cases/<path:reference>"' in series or 'route="/cases/<reference>"' in series


@pytest.mark.parametrize(("scope", "status"), [("audit", 200), ("admin", 200), ("estimate", 403)])
def test_metrics_ask_for_a_token(app: Flask, scope: str, status: int) -> None:
    """A token that may audit reads them, another one and nobody does not."""
    assert app.test_client().get("/metrics", headers=bearer(app, scope)).status_code == status  # type: ignore[arg-type]  # a scope
    assert app.test_client().get("/metrics").status_code == 401


def test_log_lines_are_json_and_say_nothing_personal(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """File name, case, note, account and address stand in no line; route, status and request number do."""
    caplog.set_level(logging.INFO, logger="simsvc")
    from tests.simsvc.web.signed_in import account  # noqa: PLC0415 - beside its only use

    name, case, note, person, address = SECRETS
    client = client_of(app, account(app, "underwriter", person))
    client.environ_base["REMOTE_ADDR"] = address
    sent = {"photo": (io.BytesIO(drawn_photo()), f"{name}.jpg"), "case": case}
    path = client.post("/estimates", data=sent).headers["Location"]
    client.post(path + "/decisions", data={"kind": "refer", "note": note, "after": "0"})
    client.get(f"/cases/{case}")
    client.get("/history", query_string={"case": case})
    client.post("/sign-in", data={"name": person, "password": "wrong", "next": f"/cases/{case}"})
    lines = [formatter("json").format(record) for record in caplog.records]
    said = [json.loads(line) for line in lines]
    answered = [line for line in said if line["event"] == "answered"]
    assert len(answered) == 5
    assert {"request", "method", "route", "status", "ms", "timestamp", "level"} <= set(answered[0])
    assert not [line for line in lines for secret in SECRETS if secret in line]
    text = formatter("text").format(caplog.records[0])
    assert re.match(r"\d{4}-", text)
