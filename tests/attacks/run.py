"""Make attacks, and ask everything that can name them."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

from simsvc.evidence import verify
from simsvc.store.audit.log_tiles import LogTree
from simsvc.wiring.audit.served_keeper import ServedKeeper
from tests.attacks.attacks import Attack
from tests.attacks.changes import owner_of
from tests.attacks.installation import CASE, Copy, Installation


@dataclass(frozen=True, slots=True)
class Found:
    """What was found after an attack, sentence by sentence.

    Attributes:
        verify: what `flask audit verify` says; nothing if everything fits.
        witness: what the witness alone shows, where the file with the last checkpoint and the tree are gone.
        before: what of the evidence from before the attack does not hold by itself.
        later: what does not hold of what is handed over after the attack, compared with that evidence.
    """

    attack: Attack
    verify: tuple[str, ...]
    witness: tuple[str, ...]
    before: tuple[str, ...]
    later: tuple[str, ...]

    @property
    def as_expected(self) -> bool:
        """Whether each says what the attack has for it, or nothing where it has nothing; never `before`."""
        attack = self.attack
        pairs = ((self.verify, attack.verify), (self.witness, attack.witness), (self.later, attack.later))
        named = all(any(words in one for one in said) if words else not said for said, words in pairs)
        return named and not self.before


def tried(installation: Installation, attack: Attack) -> Found:
    """Make an attack on a fresh copy."""
    with installation.copy() as copy:
        attack.change(copy)
        keeper = ServedKeeper(copy.settings, copy.database, lambda _seconds: False)
        keeper.look()  # as the service does in the background
        keeper.hash_all()
        verified, before, later = _said(copy, "verify"), _checked(copy.before), _later(copy)
        (copy.key_folder / "log-state.json").unlink()
        owner_of(copy, "DELETE FROM log_tiles", "DELETE FROM log_checkpoints")
        witness = tuple(line for line in _said(copy, "verify") if "the witness " in line)
    return Found(attack, verified, witness, before, later)


def _said(copy: Copy, *words: str) -> tuple[str, ...]:
    """Return what a command that exits with 1 says, or nothing."""
    result = copy.app.test_cli_runner().invoke(args=["audit", *words])
    assert result.exit_code in {0, 1}, result.output
    assert "Traceback" not in result.output, result.output
    lines = (line.removeprefix("Error: ") for line in result.output.splitlines() if result.exit_code)
    return tuple(line for line in lines if not line.startswith("The log is not intact: "))


def _checked(*words: Path | str) -> tuple[str, ...]:
    """Return what of evidence does not hold."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = verify.main([str(word) for word in words])
    lines = out.getvalue().splitlines()
    failed = tuple(line.removeprefix("FAILS  ") for line in lines if line.startswith("FAILS"))
    assert status == bool(failed), out.getvalue()
    return failed


def _later(copy: Copy) -> tuple[str, ...]:
    """Return what is wrong with evidence that is asked for again; if refused, with the newest checkpoint."""
    later = copy.home / "later.zip"
    said = _said(copy, "evidence", CASE, "--out", str(later))
    refused = tuple(f"refused: {line}" for line in said)
    if not refused:
        return _checked(copy.before, "--later", later)
    published = LogTree(copy.database).newest()
    if published is None:
        return refused
    later.write_text(published.note)
    return (*refused, *_checked(copy.before, "--later", later))
