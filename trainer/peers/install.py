"""Install a peer with its registry's client into a separate folder, and verify it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from simsvc.errors import SettingsError
from trainer.peers.registry import Peer

_DONE = ".installed"  # marks the installed version, so that other versions are reinstalled
_AT_MOST_S = 900


def installed(peer: Peer, root: Path) -> Path:
    """Return the folder that holds a peer, installing it where it is not there yet.

    Raises:
        SettingsError: the client or Node.js is missing, installing failed, or a file is not the stated one.
    """
    folder = root / peer.name
    mark, wanted = folder / _DONE, "\n".join(peer.requirements)
    if peer.registry == "npm" and not shutil.which("node"):
        raise SettingsError(f"{peer.name} needs Node.js, and there is no program `node`.")
    if not (mark.is_file() and mark.read_text(encoding="utf-8") == wanted):
        _install(peer, folder)
        mark.write_text(wanted, encoding="utf-8")
    check(peer, folder)
    return folder


def check(peer: Peer, folder: Path) -> None:
    """Compare the weights with what was stated.

    Raises:
        SettingsError: a file is missing or another one.
    """
    for name, sha256 in peer.weights.items():
        try:
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError:
            digest = ""
        if digest != sha256:
            raise SettingsError(
                f"{Path(name).name} of {peer.name} is not the stated file. Delete {folder} and try again."
            )


def _install(peer: Peer, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if peer.registry == "pip":
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--target=."]
    else:
        if not shutil.which("npm"):
            raise SettingsError(f"{peer.name} needs npm, and there is no program `npm`.")
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
    try:
        subprocess.run(  # noqa: S603 - fixed commands, fixed versions
            [*command, *peer.requirements],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=_AT_MOST_S,
        )
    except (subprocess.SubprocessError, OSError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise SettingsError(f"{peer.package} cannot be installed: {said[-1] if said else error}") from None
