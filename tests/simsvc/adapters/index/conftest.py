from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simsvc.adapters.index.helpers import ENGINES, FACES, VECTORS, searched_by, shelve


@pytest.fixture(scope="session")
def built() -> dict[str, Path]:
    """Return the folders of the large indexes that were built, by engine."""
    return {}


@pytest.fixture(scope="module", params=ENGINES)
def large_build(
    built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Path]:
    """Give the folder of an index of FACES by each engine, built once for all modules."""
    with searched_by(request.param) as engine:
        if request.param not in built:
            built[request.param] = shelve(tmp_path_factory.mktemp("indexes"), VECTORS, engine, FACES)
        yield built[request.param]
