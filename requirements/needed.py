"""Print what pyproject.toml asks for: `needed.py build|service|EXTRA ...`, one requirement a line."""

import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
BUILDING = ["editables", "setuptools", "wheel"]
"""What pip needs beside the build system: for an editable install, and for packages that come as source, such
as Annoy. Source: hatchling's documentation, "Editable"; pip's, "--no-build-isolation"."""


def needed(part: str) -> list[str]:
    """Return the requirements of the build, of the service, or of one of its extras."""
    if part == "build":
        return [*PROJECT["build-system"]["requires"], *BUILDING]
    if part == "service":
        return list(PROJECT["project"]["dependencies"])
    return list(PROJECT["project"]["optional-dependencies"][part])


if __name__ == "__main__":
    print(*(line for part in sys.argv[1:] for line in needed(part)), sep="\n")
