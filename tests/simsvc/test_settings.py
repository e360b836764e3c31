from __future__ import annotations

from pathlib import Path

import pytest

from simsvc.domain.estimate.age_prior import parse_age_prior
from simsvc.errors import SettingsError
from simsvc.settings import load_settings


def test_an_empty_environment_is_enough() -> None:
    """Every default works: SQLite, twelve neighbours, one thread, this machine only."""
    settings = load_settings({})
    assert settings.database_url.startswith("sqlite:///")
    assert (settings.neighbours, settings.threads) == (12, 1)
    assert settings.bind.startswith("127.0.0.1:")
    assert (settings.templates_dir / "base.html").is_file()


def test_every_setting_is_read(tmp_path: Path) -> None:
    """Each name in the environment reaches its field."""
    settings = load_settings(
        {
            "SIMSVC_BUNDLE_DIR": str(tmp_path / "b"),
            "SIMSVC_GALLERY_DIR": str(tmp_path / "g"),
            "SIMSVC_INDEX_ROOT": str(tmp_path / "i"),
            "DATABASE_URL": "postgresql://h/d",
            "SIMSVC_DATABASE_POOL": "9",
            "SIMSVC_STATEMENT_TIMEOUT_MS": "700",
            "SIMSVC_MAX_UPLOAD_BYTES": "5000",
            "SIMSVC_NEIGHBOURS": "7",
            "SIMSVC_THREADS": "3",
            "SIMSVC_WORKERS": "4",
            "SIMSVC_BIND": "127.0.0.1:9",
            "SECRET_KEY": "k" * 32,
            "SIMSVC_PUBLIC_URL": "https://desk.example/",
            "SIMSVC_TLS": "1",
            "SIMSVC_PROXIES": "2",
            "SIMSVC_IDLE_MINUTES": "15",
            "SIMSVC_API_RATE": "9 per second",
            "SIMSVC_SIGN_IN_RATE": "5 per minute",
            "SIMSVC_UPLOAD_RATE": "7 per hour",
            "SIMSVC_RATE_STORAGE": "redis://r",
            "SIMSVC_ENGINE": "openvino",
            "SIMSVC_AGE_PRIOR": "18-75",
        }
    )
    expected = {
        "bundle_dir": tmp_path / "b",
        "gallery_dir": tmp_path / "g",
        "index_root": tmp_path / "i",
        "database_url": "postgresql://h/d",
        "database_pool": 9,
        "statement_timeout_ms": 700,
        "max_upload_bytes": 5000,
        "neighbours": 7,
        "threads": 3,
        "workers": 4,
        "bind": "127.0.0.1:9",
        "secret_key": "k" * 32,
        "public_url": "https://desk.example",
        "tls": True,
        "proxies": 2,
        "idle_minutes": 15,
        "api_rate": "9 per second",
        "sign_in_rate": "5 per minute",
        "upload_rate": "7 per hour",
        "rate_storage": "redis://r",
        "engine": "openvino",
        "age_prior": parse_age_prior("18-75"),
    }
    assert {name: getattr(settings, name) for name in expected} == expected


def test_groups_of_a_provider_get_roles() -> None:
    """Pairs of group and role, with spaces or not; a group may hold an equals sign."""
    settings = load_settings({"SIMSVC_OIDC_ROLES": "cn=desk = underwriter,admins=admin"})
    assert settings.oidc_roles == {"cn=desk": "underwriter", "admins": "admin"}
    assert not settings.oidc_issuer
    assert settings.password_sign_in


@pytest.mark.parametrize("value", ["many", "0", "-1", "1000000", "1.5"])
def test_a_value_that_cannot_be_used_names_itself(value: str) -> None:
    """The sentence names the setting, the value and the range."""
    with pytest.raises(SettingsError, match=r"SIMSVC_NEIGHBOURS is .* from 1 to 100"):
        load_settings({"SIMSVC_NEIGHBOURS": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("SIMSVC_PUBLIC_URL", "desk.example"),
        ("SIMSVC_TLS", "yes"),
        ("SIMSVC_PROXIES", "-1"),
        ("SIMSVC_IDLE_MINUTES", "0"),
        ("SIMSVC_SIGN_IN_RATE", "often"),
        ("SIMSVC_UPLOAD_RATE", "0 per minute"),
        ("SIMSVC_LOG", "xml"),
        ("SIMSVC_SECOND_FACTOR", "maybe"),
        ("SIMSVC_PASSWORD_SIGN_IN", "0"),
        ("SIMSVC_OIDC_ISSUER", "http://id.example"),
        ("SIMSVC_OIDC_ISSUER", "https://id.example"),
        ("SIMSVC_OIDC_ROLES", "desk=boss"),
        ("SIMSVC_OIDC_ACCOUNTS", "created"),
        ("SIMSVC_THREADS", "1.0"),
        ("SIMSVC_WITNESSES", "file:relative"),
        ("SIMSVC_WITNESSES", "file:/one, http://log.example/plain"),
        ("SIMSVC_WITNESSES", "witness+https://witness.example/"),
        ("SIMSVC_WITNESSES", "witness+https://witness.example/#name+00000000+AAAA"),
        ("SIMSVC_WITNESSES", "syslog://host:no"),
        ("SIMSVC_WITNESSES", "ftp://host/"),
        ("SIMSVC_WITNESS_REQUIRED", "1"),
        ("SIMSVC_EVENT_STREAM", "kafka://host"),
        ("SIMSVC_EVENT_STREAM", "https://log.example/"),
        ("SIMSVC_EVENT_STREAM_SECRET", "short"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    """Each setting that cannot be used says its name; a secret is not repeated."""
    with pytest.raises(SettingsError, match=name) as caught:
        load_settings({name: value})
    assert name != "SECRET_KEY" or value not in caught.value.sentence


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variables set the fields by their exact names; an empty one counts as not set."""
    for name, value in {"SIMSVC_THREADS": "3", "simsvc_proxies": "2", "SIMSVC_NEIGHBOURS": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SIMSVC_PHOTO_KEYS", f"{'a' * 43}=, {'b' * 43}=")
    settings = load_settings()
    assert (settings.threads, settings.proxies, settings.neighbours) == (3, 0, 12)
    assert settings.photo_keys == (f"{'a' * 43}=", f"{'b' * 43}=")
    assert load_settings({}).threads == 1, "given variables replace those of the process"


def test_the_key_does_not_show_in_print() -> None:
    """Settings that are logged or shown in a traceback do not give the key away."""
    assert "k" * 32 not in repr(load_settings({"SECRET_KEY": "k" * 32}))


def test_a_prior_may_stand_in_a_file(tmp_path: Path) -> None:
    """A file of pairs is read, and what is wrong in it is one sentence that names the file."""
    book = tmp_path / "book.txt"
    book.write_text("\ufeff18: 2\n19: 3.5\n", encoding="utf-8")
    assert str(load_settings({"SIMSVC_AGE_PRIOR": str(book)}).age_prior) == "18:2.0,19:3.5"
    book.write_text("18: 0\n")
    with pytest.raises(SettingsError, match=r"The weights of SIMSVC_AGE_PRIOR \(book\.txt\) sum to nothing"):
        load_settings({"SIMSVC_AGE_PRIOR": str(book)})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SIMSVC_ENGINE", "tensorflow", "must be onnxruntime or openvino or torch"),
        ("SIMSVC_AGE_PRIOR", "gone.txt", "nor a file that can be read"),
        ("SIMSVC_AGE_PRIOR", "20:0", "sum to nothing"),
    ],
)
def test_an_engine_or_a_prior_that_is_none(name: str, value: str, sentence: str) -> None:
    """One sentence says what the setting may be."""
    with pytest.raises(SettingsError, match=name) as refused:
        load_settings({name: value})
    assert sentence in str(refused.value)


def test_witnesses_are_listed() -> None:
    """Of every kind, separated by commas; they may hold secrets, so they are not in print."""
    vkey = "witness.example+0080fed4+BAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    urls = (
        *("file:/mnt/log", "https://user:pass@log.example/simsvc", "http://127.0.0.1:8080/"),
        *("syslog://log.example", "syslog+tls://log.example:6514", "syslog:///dev/log"),
        *("s3://bucket/log?days=30", f"witness+https://witness.example/w#{vkey}"),
    )
    settings = load_settings({"SIMSVC_WITNESSES": ", ".join(urls)})
    assert settings.witnesses == urls
    assert "user:pass" not in repr(settings)
