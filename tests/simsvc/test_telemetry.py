from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simsvc.telemetry import SWITCHES, WITHOUT_A_SWITCH

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("simsvc", "trainer", "tests")
REPORTING = ("onnxruntime", "openvino", "huggingface_hub", "timm")
"""Libraries that report to their makers or fetch from them when nobody forbids it."""


@pytest.mark.parametrize("package", PACKAGES)
def test_the_first_import_switches_every_report_off(package: str) -> None:
    """Importing any package of the project switches reports off, also where the environment asks for them."""
    wanted = {**os.environ, **dict.fromkeys(SWITCHES, "0"), "PYTHONPATH": str(ROOT)}
    told = f"import os, {package}; print({SWITCHES}.items() <= os.environ.items())"
    done = subprocess.run(
        [sys.executable, "-c", told], env=wanted, capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_comes_before_the_switch(package: str) -> None:
    """A package's first import is the one that switches reports off."""
    tree = ast.parse((ROOT / package / "__init__.py").read_text())
    first = next(node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
    names = [first.module] if isinstance(first, ast.ImportFrom) else [alias.name for alias in first.names]
    assert names in (["simsvc.telemetry"], ["simsvc"], ["trainer"])


def test_only_these_packages_load_what_reports() -> None:
    """No file outside the packages that switch reports off first imports a library that reports."""
    skipped = (".venv", "build", "dist", "node_modules", "work")
    for path in ROOT.rglob("*.py"):
        folder = path.relative_to(ROOT).parts[0]
        if folder in PACKAGES or folder.startswith(skipped):
            continue
        nodes = ast.walk(ast.parse(path.read_text()))
        names = {name.partition(".")[0] for node in nodes for name in imported(node)}
        assert not names.intersection(REPORTING), path


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


@pytest.mark.parametrize("package", WITHOUT_A_SWITCH)
def test_a_package_that_only_reports_cannot_be_loaded(package: str) -> None:
    """OpenVINO finds no package that reports, and works without."""
    with pytest.raises(ImportError):
        __import__(package)
