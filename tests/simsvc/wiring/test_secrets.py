"""Every secret of the settings is known, so that it can be left out of what is printed."""

from __future__ import annotations

import pytest

from simsvc.settings import load_settings
from simsvc.wiring.secrets import secrets_of


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("database_url", "postgresql://me:p%40ss@db/x", {"p%40ss", "p@ss"}),
        ("database_url", "postgresql://me:p@ss@db/x", {"p@ss"}),
        ("database_url", "postgresql:///x?host=db&user=me&password=p%40ss&sslpassword=two", {"p@ss", "two"}),
        ("rate_storage", "redis://:p%2Fss@redis:6379/0", {"p%2Fss", "p/ss"}),
        ("smtp_url", "smtp://me:p%40ss@mail:587", {"smtp://me:p%40ss@mail:587", "p%40ss", "p@ss"}),
        ("aws_secret_access_key", "secret", {"secret"}),
        ("photo_keys", ("one", "two"), {"one", "two"}),
        ("witnesses", ("https://me:pass@host/log",), {"https://me:pass@host/log", "pass"}),
    ],
)
def test_secrets_are_found_in_settings(name: str, value: object, secret: set[str]) -> None:
    """Keys as a whole, and the passwords of addresses as they are written and as they are sent."""
    assert secrets_of(load_settings({}).model_copy(update={name: value})) == secret


def test_an_installation_without_secrets_has_none() -> None:
    """Nothing is left out of what is printed."""
    assert secrets_of(load_settings({})) == frozenset()
