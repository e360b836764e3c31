from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in a folder of its own, where commands keep work/, and give PyTorch its threads back."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
