"""The locks in requirements/ fit pyproject.toml, each other, and the environment that the tests run in."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
NEEDED = {
    "build": PROJECT["build-system"]["requires"],
    "service": PROJECT["project"]["dependencies"],
    "postgres": EXTRAS["postgres"],
    "parquet": EXTRAS["parquet"],
    "openvino": EXTRAS["openvino"],
    "cluster": EXTRAS["cluster"],
    "bench": EXTRAS["bench"],
    "test": [*EXTRAS["cluster"], *EXTRAS["train"], *EXTRAS["test"], *EXTRAS["docs"]],
}
"""Lock to what it must hold."""
AGAIN = "Run `make lock` and commit what it writes."

locks = pytest.mark.parametrize("lock", NEEDED)


def text_of(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text()


def pins(lock: str) -> list[Requirement]:
    lines = text_of(lock).replace("\\\n", "").splitlines()
    return [Requirement(line.partition("--hash")[0]) for line in lines if line and not line.startswith("#")]


def pinned(requirement: Requirement) -> str:
    (pin,) = requirement.specifier
    assert pin.operator == "==", requirement
    return pin.version


@locks
def test_the_lock_holds_what_the_project_asks_for(lock: str) -> None:
    """Every dependency has a version in its lock that lies in its range."""
    held = [(canonicalize_name(pin.name), pinned(pin)) for pin in pins(lock)]
    for line in NEEDED[lock]:
        wanted = Requirement(line)
        versions = [number for name, number in held if name == canonicalize_name(wanted.name)]
        assert versions, f"{line} is not in requirements/{lock}.txt. {AGAIN}"
        assert all(map(wanted.specifier.contains, versions)), f"{line} is locked as {versions}. {AGAIN}"


def test_every_extra_has_a_lock() -> None:
    """An extra that is added to the project is added to the locks."""
    locked = {line for lines in NEEDED.values() for line in lines}
    assert {line for lines in EXTRAS.values() for line in lines} <= locked


@locks
def test_every_version_has_hashes_and_no_address(lock: str) -> None:
    """Pip installs only files whose hashes are known, from whichever registry it is told to use."""
    entries = re.split(r"\n(?=\S)", text_of(lock))[1:]
    assert entries
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert "//" not in text_of(lock)


def test_one_package_has_one_version_in_all_locks() -> None:
    """Tests, benchmarks and extras run with the very versions that the service runs with."""
    service = {canonicalize_name(pin.name): pinned(pin) for pin in pins("service")}
    for lock in set(NEEDED) - {"service"}:
        other = {canonicalize_name(pin.name): pinned(pin) for pin in pins(lock)}
        assert {name: other[name] for name in other.keys() & service} == {
            name: service[name] for name in other.keys() & service
        }, lock


def test_the_tests_run_with_the_versions_of_the_lock() -> None:
    """This environment has what the service will have."""
    wanted = {pin.name: pinned(pin) for pin in pins("service") if pin.marker is None or pin.marker.evaluate()}
    assert {name: version(name) for name in wanted} == wanted, "Run `make test`, which installs the locks."
