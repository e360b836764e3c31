"""A log with a key of its own, evidence of it, and `verify.py` in an interpreter without simsvc."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from simsvc import evidence
from simsvc.adapters.results.evidence_zip import write_evidence
from simsvc.domain.audit.chain import event_bytes
from simsvc.evidence import verify
from simsvc.flows.audit.take_evidence import EvidenceTaker
from simsvc.store.audit.evidence import EvidenceStore
from simsvc.store.audit.evidence_state import EvidenceStateStore
from simsvc.store.audit.log import EventLog
from simsvc.store.database import Database
from simsvc.store.erasure.records import ErasureStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.store.reviews.referrals import ReferralStore
from simsvc.values import DecisionDraft, Declaration
from simsvc.values.audit.evidence import InService
from simsvc.values.audit.log import LogKey, SignedCheckpoint
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.values.referrals import Addressee, ReferralDraft
from tests.simsvc.store.helpers import ESTIMATED, REFUSED

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
VERIFY = Path(evidence.__file__).with_name("verify.py")
README = VERIFY.with_name("README.txt")
MODEL = json.dumps({"files": {"model.onnx": {"sha256": "cd" * 32, "bytes": 1}}}).encode()
MODEL_SHA256 = hashlib.sha256(MODEL).hexdigest()


def root(leaves: list[bytes]) -> bytes:
    """Return the root of a tree as RFC 9162, section 2.1.1, defines it."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:split]) + root(leaves[split:])).digest()


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """Return an inclusion proof as RFC 9162, section 2.1.3.1, defines it."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path(index, leaves[:split]), root(leaves[split:])]
    return [*path(index - split, leaves[split:]), root(leaves[:split])]


def subproof(size: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """Return a consistency proof as RFC 9162, section 2.1.4.1, defines it."""
    if size == len(leaves):
        return [] if whole else [root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if size <= split:
        return [*subproof(size, leaves[:split], whole=whole), root(leaves[split:])]
    return [*subproof(size - split, leaves[split:], whole=False), root(leaves[:split])]


@dataclass
class Signer:
    """An Ed25519 key with a name; of kind 4, it is a witness."""

    name: str = "simsvc/test"
    kind: int = 1
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def material(self) -> bytes:
        return bytes([self.kind]) + self.private.public_key().public_bytes_raw()

    @property
    def number(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + self.material).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.number.hex()}+{base64.b64encode(self.material).decode()}"

    def line(self, body: str) -> str:
        """Return a signature line for a note, as C2SP writes it."""
        signature = self.private.sign(body.encode())
        if self.kind == 4:
            seconds = int(NOW.timestamp())
            stamped = f"cosignature/v1\ntime {seconds}\n{body}".encode()
            signature = seconds.to_bytes(8, "big") + self.private.sign(stamped)
        return f"\N{EM DASH} {self.name} {base64.b64encode(self.number + signature).decode()}\n"


@dataclass
class SmallLog:
    """The log of a database as a tree that is computed anew each time."""

    database: Database
    signer: Signer
    witnesses: tuple[Signer, ...] = ()
    known: list[LogKey] = field(default_factory=list)
    rotations: dict[int, SignedCheckpoint] = field(default_factory=dict)
    earlier: SignedCheckpoint | None = None

    def leaves(self, size: int | None = None) -> list[bytes]:
        with EventLog(self.database).snapshot() as snapshot:
            events = [logged.event for page in snapshot.pages() for logged in page]
        return [hashlib.sha256(b"\0" + event_bytes(event)).digest() for event in events][:size]

    def checkpoint(self) -> SignedCheckpoint:
        leaves = self.leaves()
        body = f"{self.signer.name}\n{len(leaves)}\n{base64.b64encode(root(leaves)).decode()}\n"
        lines = "".join(signer.line(body) for signer in (self.signer, *self.witnesses))
        return SignedCheckpoint(len(leaves), root(leaves), NOW, f"{body}\n{lines}")

    def damage(self) -> None:
        """Find none: this tree is made of whatever the log says."""

    def newest(self) -> SignedCheckpoint | None:
        return self.earlier

    def inclusion(self, index: int, size: int) -> list[bytes]:
        return path(index, self.leaves(size))

    def keys(self) -> tuple[LogKey, ...]:
        since = self.known[-1].until_size or 0 if self.known else 0
        return (*self.known, LogKey(self.signer.vkey, since, None))

    def signed(self, size: int) -> SignedCheckpoint | None:
        return self.rotations.get(size)

    def witnessed(self) -> SignedCheckpoint | None:
        return self.earlier

    def consistency(self, old_size: int, size: int) -> list[bytes]:
        return subproof(old_size, self.leaves(size), whole=True)

    def rotate(self) -> None:
        """Replace the key; both sign the checkpoint of now."""
        new = Signer(self.signer.name)
        self.witnesses = (new,)
        checkpoint = self.checkpoint()
        self.known.append(replace(self.keys()[-1], until_size=checkpoint.size))
        self.rotations[checkpoint.size] = checkpoint
        self.signer, self.witnesses = new, ()


NOTHING_SERVED = InService(0)


@dataclass
class Desk:
    """A database with a case of two records, two decisions and a referral, and other records between them.

    Evidence says that `served` is in service, and that the account `taker` took it.
    """

    database: Database
    log: SmallLog
    first: str
    second: str
    served: InService = NOTHING_SERVED
    taker: str = "a" * 32

    def take(self, case: str | None = "K-1", *records: str) -> dict[str, bytes]:
        """Return the files of evidence."""
        enclosed = {"verify.py": VERIFY.read_bytes(), "README.txt": README.read_bytes()}
        models = {f"models/{MODEL_SHA256}/model.json": MODEL}
        taker = EvidenceTaker(
            EvidenceStore(self.database),
            EvidenceStateStore(self.database),
            lambda: self.served,
            self.log,
            EventLog(self.database).note_all,
            lambda _record: models,
            enclosed,
        )
        return taker.take(f"user:{self.taker}", case, records)

    def erase(self, record_id: str) -> int:
        """Erase a record and return the number of its receipt."""
        return ErasureStore(self.database).erase_estimate(record_id, COMMAND, NOW).event


def make_desk(url: str) -> Desk:
    """Fill a database."""
    database = Database(url)
    estimates, referrals = EstimateStore(database), ReferralStore(database)
    decisions = DecisionStore(database, referrals)
    log = EventLog(database)
    log.note(NewEvent(EventKind.MODEL_SWITCH, COMMAND, "model", {"version": "tiny-0", "sha256": "cd" * 32}))
    log.note(NewEvent(EventKind.INDEX_SWITCH, COMMAND, "index:demo/b-0123456789ab", {"previous": None}))
    declared = Declaration("K-1", date(1990, 5, 4), date(2024, 6, 1))
    made = replace(ESTIMATED, declared=declared, bundle_sha256=MODEL_SHA256)
    first = estimates.record(made).id
    estimates.record(REFUSED)
    second = estimates.record(replace(made, photo_name="line\u2028separator.jpg", age_years=51.0)).id
    decisions.add(first, DecisionDraft("need_more", note="a newer photo"), "b" * 32, 0, NOW)
    decisions.add(first, DecisionDraft("override", 40, "passport \u2713"), "b" * 32, 1, NOW)
    referrals.add(second, ReferralDraft(Addressee("ann"), comment="please look"), "b" * 32, NOW)
    return Desk(database, SmallLog(database, Signer()), first, second)


def packed(files: Mapping[str, bytes], place: Path) -> Path:
    """Write evidence as a ZIP file."""
    with place.open("wb") as out:
        write_evidence(files, out)
    return place


def relisted(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files with a MANIFEST.json that fits them, as a forger would write it."""
    digests = {
        name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "MANIFEST.json"
    }
    manifest = {"format": f"simsvc-evidence/{2 if 'state.json' in files else 1}", "files": digests}
    return {**files, "MANIFEST.json": (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()}


@dataclass(frozen=True)
class Outcome:
    """What `verify.py` printed, and its exit status."""

    status: int
    lines: tuple[str, ...]

    @property
    def failures(self) -> str:
        return "\n".join(line for line in self.lines if line.startswith("FAILS"))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def verified(place: Path, *words: str | Path) -> Outcome:
    """Run `verify.py` in this interpreter: what it says does not depend on what else is loaded."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = verify.main([str(place), *map(str, words)])
    return Outcome(status, tuple(out.getvalue().splitlines()))


def checked(files: Mapping[str, bytes]) -> Outcome:
    """Check files as `verify.py` does once it has read them, without writing a ZIP file first."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        failed = verify.check(dict(files), [])
    return Outcome(int(failed > 0), tuple(out.getvalue().splitlines()))


def verified_alone(place: Path, *words: str) -> Outcome:
    """Run `verify.py` in an interpreter of its own, isolated, where simsvc cannot be imported."""
    command = [sys.executable, "-I", "-c", WITHOUT_SIMSVC, str(VERIFY), str(place), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place.parent, timeout=60)
    assert not done.stderr, done.stderr
    return Outcome(done.returncode, tuple(done.stdout.splitlines()))


WITHOUT_SIMSVC = """
import importlib.abc, runpy, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"simsvc", "rfc8785", "sqlalchemy", "flask"}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Refuses everything that an examiner does not have, however it is installed here."""


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a plain ZIP file with these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()
