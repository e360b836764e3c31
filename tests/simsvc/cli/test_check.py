from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

from simsvc.adapters.crypto.log_key import LogKeyFile
from simsvc.adapters.ops.private_files import MASK
from simsvc.domain.estimate.age_prior import parse_age_prior
from simsvc.settings import Settings
from simsvc.store.hosts import HostStore
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.simsvc.cli.helpers import command_app
from tests.small_site import make_small_site, moved_to

Check = Callable[[int], dict[str, str]]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Settings]:
    before = os.umask(MASK)  # as the server sets it
    made = make_small_site(tmp_path / "site")
    yield made.model_copy(
        update={
            "secret_key": "",
            "secret_key_file": tmp_path / "site" / "key",
            "batch_dir": tmp_path / "batches",
        }
    )
    os.umask(before)


def checked(settings: Settings, exit_code: int) -> dict[str, str]:
    """Return what `flask check` says of each part, beginning with ok or WRONG."""
    app = command_app(settings)
    result = app.test_cli_runner().invoke(args=["check"])
    app.extensions["simsvc"].database.close()
    assert result.exit_code == exit_code, result.output
    assert "Traceback" not in result.output
    lines = [line for line in result.output.splitlines() if line.startswith(("ok", "WRONG"))]
    return {line[7:19].strip(): line.split()[0] + " " + line[20:].strip() for line in lines}


def test_a_whole_installation_is_well(site: Settings) -> None:
    """Every part is looked at, none is wrong, and the exit status is 0."""
    said = checked(site, 0)
    assert len(said) == 14
    assert {words.split()[0] for words in said.values()} == {"ok"}


def _harm(site: Settings, part: str) -> None:
    if part == "index":
        next(site.index_root.rglob("faces.annoy")).write_bytes(b"another")
    elif part == "model":
        with (site.bundle_dir / "model.onnx").open("ab") as file:
            file.write(b"x")
    elif part == "session key":
        site.secret_key_file.chmod(0o644)
    elif part == "file modes":
        next(site.index_root.rglob("faces.annoy")).chmod(0o640)
    else:
        desk: Services = create_app(site).extensions["simsvc"]
        statements = {
            "log": ("DROP TRIGGER events_never_change", "UPDATE events SET actor = 'user:x' WHERE seq = 1"),
            "database": ("UPDATE alembic_version SET version_num = '0003'",),
        }
        with desk.database.transaction() as session:
            for statement in statements[part]:
                session.execute(text(statement))
        desk.database.close()


@pytest.mark.parametrize("part", ["index", "model", "session key", "file modes", "log", "database"])
def test_what_is_wrong_is_named_and_fails(site: Settings, part: str) -> None:
    """A damaged file, a key that others read, a forged log, old tables: named, with exit status 1."""
    checked(site, 0)
    _harm(site, part)
    said = checked(site, 1)
    assert said[part].startswith("WRONG")
    assert [name for name, words in said.items() if words.startswith("WRONG") and name != "kept models"] == [
        *(["session key", "file modes"] if part == "session key" else [part])
    ]


@pytest.mark.parametrize("has_key", [True, False], ids=["another", "none"])
def test_a_log_key_that_did_not_sign_is_named(site: Settings, has_key: bool) -> None:
    """On a host that has another key than the log, or none, the check says what the server says of it."""
    services = Services(site)
    services.log_keeper.checkpoint()
    assert checked(site, 0)["log"].startswith("ok The log is intact")
    other = Services(site.model_copy(update={"log_key_file": site.log_key_path.parent / "other" / "key.pem"}))
    if has_key:
        LogKeyFile(other.settings.log_key_path).create()
    other.log_thread.round(at_once=True)
    problem = other.log_thread.problem
    for each in (services, other):
        each.database.close()
    assert problem is not None
    assert checked(other.settings, 1)["log"] == f"WRONG {problem.sentence}"


SECRETS = {
    "database": "a password / with @ signs",
    "redis": "another / with @ signs",
    "key id": "AKIDofatest",
    "key": "a-secret-key-of-s3",
}
NOWHERE = "127.0.0.1:1"


def test_what_cannot_be_reached_is_named_with_its_cause(site: Settings) -> None:
    """Without PostgreSQL, Redis and S3, the check adds what their clients say, and no secret."""
    password, redis = (quote(SECRETS[name], safe="") for name in ("database", "redis"))
    away = {
        "database_url": f"postgresql://simsvc:{password}@{NOWHERE}/simsvc",
        "rate_storage": f"redis://simsvc:{redis}@{NOWHERE}/0",
        "objects": "s3://bucket/prefix",
        "objects_endpoint": f"http://{NOWHERE}",
        "aws_access_key_id": SECRETS["key id"],
        "aws_secret_access_key": SECRETS["key"],
    }
    said = checked(site.model_copy(update=away), 1)
    for part in ("database", "log", "server", "clock", "hosts", "batches", "rates"):
        assert "refused" in said[part].partition(" Cause: ")[2], part
    assert f'Cause: Could not connect to the endpoint URL: "http://{NOWHERE}/' in said["objects"]
    secret = {*SECRETS.values(), password, redis}
    assert not [part for part, words in said.items() if any(text in words for text in secret)]


def test_a_check_leaves_no_host_behind(site: Settings, postgres_url: str) -> None:
    """A host that only checked itself is not live afterwards: `flask cluster adopt` need not wait for it."""
    moved = moved_to(site, postgres_url)
    assert checked(moved, 0)["hosts"].startswith(f"ok 1 live: {site.host} (")
    services = Services(moved)
    assert HostStore(services.database).all() == ()
    services.database.close()


def test_a_database_that_does_not_exist_is_named(site: Settings, postgres_url: str) -> None:
    """The check says what the server answers."""
    url = postgres_url.replace("@/test_", "@/no_test_")
    said = checked(site.model_copy(update={"database_url": url}), 1)
    name = url.partition("@/")[2].partition("?")[0]
    assert said["server"].endswith(f'FATAL:  database "{name}" does not exist.')


def test_an_engine_that_is_not_there_is_said(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the chosen engine is not installed, the check fails with the command that installs it."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    said = checked(site.model_copy(update={"engine": "openvino"}), 1)
    assert "pip install 'simsvc[openvino]'" in said["model"]


def test_a_prior_that_the_model_cannot_take_is_said(site: Settings) -> None:
    """A prior for a model without a distribution over ages fails the check."""
    said = checked(site.model_copy(update={"age_prior": parse_age_prior("18-75")}), 1)
    assert "gives no age distribution" in said["model"]


def test_annoy_of_another_processor_is_said(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What kills the process that tries it is named, with the remedy, by one that lives on."""
    monkeypatch.setattr("simsvc.adapters.index.engines.annoy_forest.PROBE", "import os; os.abort()")
    assert "--no-binary annoy" in checked(site, 1)["index"]


def test_no_room_is_said(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with less room than one upload is wrong, and readiness says so with 503."""
    monkeypatch.setattr("simsvc.wiring.health.least_free_bytes", lambda _folders: 1_000)
    assert checked(site, 1)["disk"].startswith("WRONG Only 0 MB are free")
    app = create_app(site)
    answer = app.test_client().get("/readyz")
    app.extensions["simsvc"].database.close()
    assert answer.status_code == 503
    parts = {part["part"]: part["well"] for part in answer.get_json()["parts"]}
    assert parts == {
        "model": True,
        "index": True,
        "database": True,
        "disk": False,
        "log": True,
        "reads": True,
    }


def test_every_setting_has_a_meaning() -> None:
    """Every setting that an operator may set has a description."""
    bare = {name for name, field in Settings.model_fields.items() if not field.description}
    assert bare == {"templates_dir", "secret_key_file", "audits_reads"}, "which follow from the installation"
