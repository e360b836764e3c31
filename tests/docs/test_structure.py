from __future__ import annotations

import importlib.util
import sys

from tests.helpers import ROOT

DRAW = ROOT / "docs/explanation/draw.py"


def test_no_two_folders_import_each_other() -> None:
    """Only the packages' own folders may: they hold files of several layers."""
    spec = importlib.util.spec_from_file_location("draw", DRAW)
    assert spec is not None
    assert spec.loader is not None
    draw = importlib.util.module_from_spec(spec)
    sys.modules["draw"] = draw  # where its dataclass looks for itself
    spec.loader.exec_module(draw)
    circles = draw.counted(ROOT).circles
    assert [pair for pair in circles if not set(pair) & set(draw.PACKAGES)] == []
