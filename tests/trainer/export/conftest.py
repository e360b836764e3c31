from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.export.helpers import ABOUT, SIDE_PX, crops, graph
from trainer.export import bundle as export
from trainer.export.half_precision import round_weights


@pytest.fixture(scope="session")
def small() -> export.ServedGraph:
    """Return a small graph to export, whose weights are rounded to half precision."""
    made = graph("resnet18", "regression", SIDE_PX, 5)
    round_weights(made.model)
    return made


@pytest.fixture(scope="session")
def bundle_folder(small: export.ServedGraph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of its bundle, made once."""
    folder = tmp_path_factory.mktemp("exported") / "model"
    export.write_bundle(small, SIDE_PX, ABOUT, folder, crops(SIDE_PX))
    return folder
