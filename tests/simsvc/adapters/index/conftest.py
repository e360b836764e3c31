from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simsvc.adapters.index.helpers import FACES, VECTORS, searched_by, shelve


@pytest.fixture(scope="session")
def large_build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what gives the folder of an index of FACES by an engine, built once."""
    built: dict[str, Path] = {}

    def build(engine: str) -> Path:
        if engine not in built:
            with searched_by(engine) as chosen:
                built[engine] = shelve(tmp_path_factory.mktemp("indexes"), VECTORS, chosen, FACES)
        return built[engine]

    return build
