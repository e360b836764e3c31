from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.measured_files import make_site
from tests.trainer.model_card.helpers import Folders


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return make_site(tmp_path)
