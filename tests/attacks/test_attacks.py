from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.attacks import ATTACKS, Attack
from tests.attacks.databases import postgres_templates, sqlite_files
from tests.attacks.installation import Installation, prepare
from tests.attacks.page import PAGE, as_line, as_text, cells, written
from tests.attacks.run import Found, tried

NAMES = [f"{number:02} {attack.name}" for number, attack in enumerate(ATTACKS, 1)]
SHORT = {"reorder two events", "roll back the database", "widen a token"}
"""Attacks that are tried on PostgreSQL by `make test`; `make proofs` and `make attacks` try all."""


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("attacked")
    with sqlite_files(folder / "database") as databases:
        yield prepare(folder, databases)


@pytest.fixture(scope="module")
def on_postgresql(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with postgres_templates(postgres, "migrated") as databases:
        yield prepare(tmp_path_factory.mktemp("attacked"), databases)


def named(found: Found) -> None:
    """Check that an attack is named, in the words of the documentation."""
    assert found.as_expected, as_text(found)
    assert as_line(cells(found)) in written(PAGE.read_text()).splitlines(), "run `make attacks WRITE=1`"


@pytest.mark.parametrize("attack", ATTACKS, ids=NAMES)
def test_an_attack_is_named_as_documented(on_sqlite: Installation, attack: Attack) -> None:
    """By `flask audit verify`, by the witness, and by evidence from before, which still holds by itself."""
    named(tried(on_sqlite, attack))


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(attack, id=name, marks=() if attack.name in SHORT else pytest.mark.proof)
        for attack, name in zip(ATTACKS, NAMES, strict=True)
    ],
)
def test_an_attack_on_postgresql_is_named_as_documented(on_postgresql: Installation, attack: Attack) -> None:
    """In the same words."""
    named(tried(on_postgresql, attack))


def test_the_documentation_has_every_attack_once() -> None:
    """In the order in which they are tried."""
    rows = written(PAGE.read_text()).splitlines()[2:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [attack.name for attack in ATTACKS]


def test_without_an_attack_nothing_is_named(on_sqlite: Installation) -> None:
    """The installation fits, and evidence that is taken later continues what was taken before."""
    nobody = Attack("none", lambda _copy: None, "", "", "")
    found = tried(on_sqlite, nobody)
    assert (found.verify, found.before, found.later) == ((), (), ())
