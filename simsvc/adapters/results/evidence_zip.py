"""Evidence as a ZIP file."""

from __future__ import annotations

import zipfile
from typing import IO

from simsvc.values.audit.evidence import Files

DAY = (1980, 1, 1, 0, 0, 0)
"""Date of every file: the first that a ZIP can have. When evidence was taken stands in its log."""
FIRST = ("README.txt", "verify.py", "MANIFEST.json")
"""What people look for comes first."""


def write_evidence(files: Files, out: IO[bytes]) -> None:
    """Write the files of evidence as a ZIP file; the same files make the same bytes."""
    names = sorted(files, key=lambda name: (name not in FIRST, name))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, DAY)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, files[name])
