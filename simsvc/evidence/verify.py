"""Check evidence of simsvc offline: python verify.py case.zip [--key VKEY]... [--later FILE].

It needs Python 3.11 or newer and the package `cryptography`, and no part of simsvc. It has its own code for
Merkle proofs, signatures and comparisons on purpose: a mistake, or a back door, in the code that made the
evidence cannot also make the check succeed. Take it from a place that you trust, not from the file to check.

Exit status: 0 everything holds, 1 something does not, 2 the file cannot be read.
Sources: RFC 9162, section 2.1 (Merkle trees); C2SP signed-note, tlog-checkpoint and tlog-cosignature
(https://c2sp.org); RFC 8032 (Ed25519).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMATS = FIRST_FORMAT, FORMAT = "simsvc-evidence/1", "simsvc-evidence/2"
"""The first has no state.json."""
NEEDED = ("MANIFEST.json", "log/checkpoint", "log/keys", "log/events.jsonl")
STATE, DAMAGE = "state.json", "log/damage"
MOST_FILES, MOST_FILE_BYTES, MOST_BYTES = 10_000, 64 << 20, 512 << 20
"""What is read at most, unpacked, so that no file can fill the memory."""
MOST_NOTE_BYTES = 1 << 20
"""Of a checkpoint with a consistency proof: a proof has at most 64 hashes."""
CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a clock may be set back between two events."""
KINDS = LOG_KEY, WITNESS_KEY = 1, 4
"""Types of keys in C2SP signed-note: Ed25519, and Ed25519 cosignatures with a time."""
SALT_DIGITS = 64
"""Hex digits of a salt."""
BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading a part that is not written as simsvc writes it can raise."""


class Unreadable(Exception):
    """The file cannot be read as evidence."""


class Event(NamedTuple):
    """An event that is proved to be in the log; `said` is None if its content was erased, or is wrong."""

    seq: int
    at: str
    kind: str
    actor: str
    subject: str
    erased: bool
    said: dict[str, Any] | None

    def says(self, field: str) -> Any:
        """Return what the content says, or None."""
        return (self.said or {}).get(field)


class Report:
    """What was found, printed as it is found."""

    failed = 0

    def check(self, holds: bool, sentence: str, otherwise: str = "") -> bool:
        """Print the sentence that applies, and return whether it holds."""
        self.failed += not holds
        say(f"holds  {sentence}" if holds else f"FAILS  {otherwise or sentence}")
        return holds


def say(text: str) -> None:
    """Print a line. Signs that could steer a terminal are replaced: the file may hold any."""
    print("".join(sign if sign.isprintable() else "?" for sign in text))


def sha256(data: bytes) -> str:
    """Return the hex digest."""
    return hashlib.sha256(data).hexdigest()


def parsed(text: str | bytes) -> Any:
    """Return what JSON says, if no key stands in it twice and every number is one."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    def no_number(_text: str) -> NoReturn:
        raise ValueError("not a number")

    return json.loads(text, object_pairs_hook=once, parse_constant=no_number)


def read_files(place: str) -> dict[str, bytes]:
    """Return the files of a ZIP by name, within the limits."""
    try:
        with zipfile.ZipFile(place) as archive:
            entries = archive.infolist()
            sizes = [entry.file_size for entry in entries]
            if len(sizes) > MOST_FILES or max(sizes, default=0) > MOST_FILE_BYTES or sum(sizes) > MOST_BYTES:
                raise Unreadable("unpacked, it is larger than evidence can be")
            files = {entry.filename: archive.read(entry) for entry in entries}
    except Unreadable:
        raise
    except Exception as problem:  # damaged ZIPs raise errors of many kinds
        raise Unreadable(str(problem) or "it is damaged") from None
    missing = [name for name in NEEDED if name not in files]
    if missing or len(files) != len(entries):
        raise Unreadable(f"it has no {missing[0]}" if missing else "it has two files with the same name")
    return files


def check_manifest(files: dict[str, bytes], report: Report) -> None:
    """Check that the ZIP has exactly the files of MANIFEST.json."""
    try:
        manifest = parsed(files["MANIFEST.json"])
        written, listed = FORMATS[FORMATS.index(manifest["format"])], dict(manifest["files"])
        as_written = json.dumps({"format": written, "files": listed}, indent=1, sort_keys=True) + "\n"
    except BROKEN:
        report.check(False, "MANIFEST.json cannot be understood.")
        return
    present = {name: sha256(data) for name, data in files.items() if name != "MANIFEST.json"}
    wrong = [] if as_written.encode() == files["MANIFEST.json"] else ["MANIFEST.json was changed."]
    wrong += ["state.json is missing."] if written == FORMAT and STATE not in listed else []
    for name in sorted(listed.keys() | present.keys()):
        if name not in present:
            wrong.append(f"{name} is missing.")
        elif name not in listed:
            wrong.append(f"{name} does not belong to the evidence: MANIFEST.json does not list it.")
        elif listed[name] != present[name]:
            wrong.append(f"{name} was changed: its digest in MANIFEST.json is another.")
    for sentence in wrong or [f"All {len(present)} files are as MANIFEST.json lists them."]:
        report.check(not wrong, sentence)


class Key(NamedTuple):
    """A verifier key: name+hash+base64(type, public key)."""

    text: str
    name: str
    number: bytes
    kind: int
    public: bytes

    @classmethod
    def of(cls, text: str) -> Key:
        """Return the key that a text is; raises ValueError."""
        name, number, material = text.strip().split("+", 2)
        raw = base64.b64decode(material, validate=True)
        if sha256(name.encode() + b"\n" + raw)[:8] != number or len(raw) != 33 or raw[0] not in KINDS:
            raise ValueError("not a verifier key")
        return cls(text.strip(), name, bytes.fromhex(number), raw[0], raw[1:])


class Note(NamedTuple):
    """A checkpoint as a signed note; `signatures` are (key name, key number, signature)."""

    body: bytes
    origin: str
    size: int
    root: bytes
    signatures: list[tuple[str, bytes, bytes]]

    @classmethod
    def of(cls, data: bytes) -> Note:
        """Return the checkpoint that a file holds; raises ValueError."""
        body, _, tail = data.decode().rpartition("\n\n")
        origin, size, root = body.split("\n")[:3]
        signatures = []
        for line in tail.removesuffix("\n").split("\n"):
            dash, name, text = line.split(" ")
            raw = base64.b64decode(text, validate=True)
            if dash != "\N{EM DASH}" or base64.b64encode(raw).decode() != text:
                raise ValueError("not a signature")
            signatures.append((name, raw[:4], raw[4:]))
        if str(int(size)) != size or len(base64.b64decode(root, validate=True)) != 32:
            raise ValueError("not a checkpoint")
        return cls(f"{body}\n".encode(), origin, int(size), base64.b64decode(root), signatures)

    def signed_by(self, key: Key) -> str | None:
        """Return when a witness signed it, or "signed" for the log; None if the key did not."""
        public = Ed25519PublicKey.from_public_bytes(key.public)
        for name, number, signature in self.signatures:
            try:
                if (name, number) != (key.name, key.number):
                    continue
                if key.kind == LOG_KEY:
                    public.verify(signature, self.body)
                    return "signed"
                seconds = int.from_bytes(signature[:8], "big")
                public.verify(signature[8:], f"cosignature/v1\ntime {seconds}\n".encode() + self.body)
                return datetime.fromtimestamp(seconds, UTC).isoformat()
            except (InvalidSignature, *BROKEN, OSError):
                continue
        return None


def check_checkpoint(
    files: dict[str, bytes], given: list[Key], report: Report, whose: str = "the key that you gave"
) -> Note | None:
    """Check who signed the checkpoint; return it if the log did, with a key of `given` where there is one."""
    try:
        note = Note.of(files["log/checkpoint"])
        lines = files["log/keys"].decode().removesuffix("\n").split("\n")
        inside = [Key.of(line.split(" ")[0]) for line in lines]
        asked = [key for key in given if key.kind == LOG_KEY]
        trusted = _with_followers(asked, inside, files) if asked else inside
    except BROKEN:
        report.check(False, "A file in log/ is not written as a checkpoint or a key is.")
        return None
    signers = [key for key in trusted if key.name == note.origin and note.signed_by(key) == "signed"]
    title = f"The checkpoint of {note.size} events of the log {note.origin} is"
    whose = whose if asked else "a key inside the evidence"
    whose += ", or by the one that replaced it" if asked and len(trusted) > len(asked) else ""
    held = report.check(bool(signers), f"{title} signed by {whose}.", f"{title} not signed by {whose}.")
    if held and not asked:
        say(f"note   Compare this key with the one that the insurer published: {signers[0].text}")
    unknown = _check_witnesses(files, note, given, report) - {key.name for key in inside}
    if unknown:
        say(f"note   Signatures of {', '.join(sorted(unknown))} were not checked: pass their keys as --key.")
    return note if held else None


def _check_witnesses(files: dict[str, bytes], note: Note, given: list[Key], report: Report) -> set[str]:
    """Check what witnesses signed: this checkpoint, or an earlier one that it contains.

    Return the names of those who signed and whose keys were not given.
    """
    seen = [note]
    try:
        if "log/witnessed" in files:
            earlier = Note.of(files["log/witnessed"])
            proof = [bytes.fromhex(line) for line in files["log/consistency"].decode().split("\n")[:-1]]
            good = f"The checkpoint contains the earlier one of {earlier.size} events unchanged."
            bad = (
                f"The checkpoint contradicts the earlier one of {earlier.size} events: the log was rewritten."
            )
            held = earlier.origin == note.origin and contains(earlier, note, proof)
            seen += [earlier] if report.check(held, good, bad) else []
    except BROKEN:
        report.check(False, "log/witnessed or log/consistency is not written as simsvc writes it.")
    for key in (key for key in given if key.kind == WITNESS_KEY):
        stamps = [(found.size, stamp) for found in seen if (stamp := found.signed_by(key))]
        size, stamp = stamps[0] if stamps else (0, "")
        good = f"The witness {key.name} signed the checkpoint of {size} events at {stamp}."
        report.check(bool(stamps), good, f"The witness {key.name} did not sign the checkpoint.")
    return {name for found in seen for name, _, _ in found.signatures} - {key.name for key in given}


def _with_followers(asked: list[Key], inside: list[Key], files: dict[str, bytes]) -> list[Key]:
    """Return the keys that were given, and those that replaced them: both signed one checkpoint then."""
    trusted = list(asked)
    for name in sorted(files, key=lambda name: (len(name), name)):
        if name.startswith("log/rotations/"):
            note = Note.of(files[name])
            if any(note.signed_by(key) == "signed" for key in trusted):
                trusted += [key for key in inside if key not in trusted and note.signed_by(key) == "signed"]
    return trusted


def is_included(index: int, data: bytes, proof: list[bytes], note: Note) -> bool:
    """Return whether data is leaf `index` of the tree. Source: RFC 9162, section 2.1.3.2."""
    if not 0 <= index < note.size or any(len(digest) != 32 for digest in proof):
        return False
    place, last, digest = index, note.size - 1, hashlib.sha256(b"\0" + data).digest()
    for other in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            digest = hashlib.sha256(b"\1" + other + digest).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            digest = hashlib.sha256(b"\1" + digest + other).digest()
        place, last = place >> 1, last >> 1
    return last == 0 and digest == note.root


def contains(old: Note, new: Note, proof: list[bytes]) -> bool:
    """Return whether a tree begins with an earlier one. Source: RFC 9162, section 2.1.4.2."""
    if not 0 < old.size < new.size or any(len(digest) != 32 for digest in proof):
        return (old.size, old.root, proof) == (new.size, new.root, [])
    whole = [old.root, *proof] if old.size & (old.size - 1) == 0 else proof
    place, last = old.size - 1, new.size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = whole[0] if whole else b""
    for other in whole[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before = hashlib.sha256(b"\1" + other + before).digest()
            after = hashlib.sha256(b"\1" + other + after).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            after = hashlib.sha256(b"\1" + after + other).digest()
        place, last = place >> 1, last >> 1
    return last == 0 and (before, after) == (old.root, new.root)


def root_up_to(index: int, data: bytes, proof: list[bytes], size: int) -> bytes:
    """Return the root of the tree that ends with a leaf, which the left side of its inclusion proof is."""
    place, last, digest = index, size - 1, hashlib.sha256(b"\0" + data).digest()
    for other in proof:
        if place & 1 or place == last:
            digest = hashlib.sha256(b"\1" + other + digest).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    return digest


def read_events(files: dict[str, bytes], note: Note, report: Report) -> list[Event]:
    """Return the events that are proved to be in the log, oldest first; name those that are not."""
    events: list[Event] = []
    before = report.failed
    lines = files["log/events.jsonl"].decode(errors="replace").removesuffix("\n").split("\n")
    for number, line in enumerate(lines, 1):
        try:
            events += _proved(line, note, report)
        except BROKEN:
            report.check(False, f"Line {number} of log/events.jsonl is not written as an event is.")
    if [event.seq for event in events] != sorted({event.seq for event in events}):
        report.check(False, "The events are not in the order of the log, or one stands there twice.")
    if report.failed == before:
        whole = f"All {len(events)} events are in the log as the checkpoint fixes it, unchanged."
        report.check(bool(events), whole, "There are no events.")
    return sorted(events, key=lambda event: event.seq)


def _proved(line: str, note: Note, report: Report) -> list[Event]:
    given = parsed(line)
    if json.dumps(given, sort_keys=True, ensure_ascii=False, separators=(",", ":")) != line:
        raise ValueError("not as simsvc writes it")
    leaf, content, salt = parsed(given["leaf"]), given["content"], given["salt"]
    title = f"event {leaf['seq']} of {leaf['at']} ({leaf['kind']}, {leaf['subject']})"
    proof = [bytes.fromhex(text) for text in given["proof"]]
    if leaf["seq"] > note.size:
        report.check(False, f"The {title} is not in the signed tree, which ends with event {note.size}.")
        return []
    included = is_included(leaf["seq"] - 1, given["leaf"].encode(), proof, note)
    if not included or given["index"] != leaf["seq"] - 1:
        report.check(
            False, f"The {title} is not in the log of this checkpoint: it was changed, or its proof."
        )
        return []
    said = None
    if content is not None:
        digest = sha256(bytes.fromhex(salt) + content.encode())
        same = digest == leaf["content_sha256"] and len(salt) == SALT_DIGITS
        said = dict(parsed(content)) if same else None
        if not same:
            report.check(False, f"The content of {title} is not what was logged.")
    fields = (leaf["seq"], leaf["at"], leaf["kind"], leaf["actor"], leaf["subject"])
    return [Event(*fields, erased=content is None, said=said)]


def check_times(_files: dict[str, bytes], events: list[Event], report: Report) -> None:
    """Check that no event is dated before an earlier one by more than the clock's tolerance."""
    latest = None
    for event in events:
        at = datetime.fromisoformat(event.at)
        if latest and at < latest - CLOCK_TOLERANCE:
            report.check(False, f"Event {event.seq} is dated {event.at}, before events that stand before it.")
        latest = max(at, latest or at)


def check_erased(_files: dict[str, bytes], events: list[Event], report: Report) -> None:
    """Check that a receipt lists each event whose content is gone, and name the receipt."""
    receipts = {
        seq: event
        for event in reversed(events)
        if event.kind in {"erasure", "retention"}
        for seq in event.says("events") or ()
    }
    for event in (event for event in events if event.erased):
        title = f"The content of event {event.seq} ({event.kind}, {event.subject})"
        receipt = receipts.get(event.seq)
        if receipt is None or receipt.seq < event.seq:
            report.check(False, f"{title} is missing, and no receipt says that it was erased.")
        else:
            by = f"event {receipt.seq} of {receipt.at} by {receipt.actor}"
            report.check(True, f"{title} was erased; receipt: {by}.")


def check_records(files: dict[str, bytes], events: list[Event], report: Report) -> None:
    """Check each record against its events; name each record that the log has and the file has not."""
    present = {name[8:-5] for name in files if name.startswith("records/")}
    logged = {event.subject[9:]: event for event in events if event.kind == "estimate"}
    for record_id in sorted(present):
        try:
            _check_record(record_id, files, events, report)
        except BROKEN:
            report.check(False, f"records/{record_id}.json is not written as a record is.")
    for record_id in sorted(logged.keys() - present):
        erased = f"Record {record_id} was erased: only its events are left, without their contents."
        missing = f"Record {record_id} is missing, although the log says that it was made."
        report.check(logged[record_id].erased, erased, missing)


def _check_record(record_id: str, files: dict[str, bytes], events: list[Event], report: Report) -> None:
    file = parsed(files[f"records/{record_id}.json"])
    shown, now = file["record"], file["logged"]["estimate"]
    title = f"Record {shown['number']} ({record_id})"
    about = [event for event in events if event.subject == f"estimate:{record_id}"]
    made = [event for event in about if event.kind == "estimate"]
    older = (events[0].says("not_logged_up_to") or {}) if events[0].seq == 1 else {}
    if not made and shown["number"] <= older.get("estimates", 0):
        say(f"note   {title} is older than the log, which proves nothing about it.")
        return
    said = made[0].said if len(made) == 1 else None
    wrong = ["the log has no estimate of it"] if said is None else _differing(said, now)
    similar = [{**near, "similarity": 1 - near["distance"] ** 2 / 2} for near in now["neighbours"]]
    refer = now["refer_reason"] is not None
    whole = {**now, **now["declared"], "id": record_id, "photo": now["photo_name"]}
    whole |= {"refer": refer, "neighbours": similar}
    wrong += [name for name, value in shown.items() if not _alike(value, whole.get(name))]
    crop = files.get(f"crops/{record_id}.png")
    wrong += ["the crop"] if crop is not None and sha256(crop) != now["crop_sha256"] else []
    wrong += _model_and_build(now, files, events)
    ends = shown["interval_years"]
    likely = f", likely between {ends[0]} and {ends[1]}" if ends else ""
    answer = f"{shown['age_years']} years{likely}; model {shown['model']}"
    answer = f"no estimate ({shown['code']})" if shown["age_years"] is None else answer
    good = f"{title} is what was logged at {made[0].at if made else '?'}: {answer}."
    report.check(not wrong, good, f"{title} is not what was logged: {', '.join(dict.fromkeys(wrong))}.")
    _check_decisions(title, file, [event for event in about if event.kind == "decision"], report)


def _differing(said: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [name for name, value in said.items() if name not in now or now[name] != value]


def _alike(shown: Any, exact: Any) -> bool:
    """Return whether a value is as the log has it: records round numbers, and times to milliseconds."""
    if isinstance(shown, dict) and isinstance(exact, dict):
        derived = shown.keys() - exact.keys() & {"sentence"}  # a calibration's: it follows from its numbers
        return all(_alike(shown[name], exact.get(name)) for name in shown.keys() - derived)
    if isinstance(shown, list) and isinstance(exact, list) and len(shown) == len(exact):
        return all(map(_alike, shown, exact))
    if isinstance(shown, float) and isinstance(exact, (int, float)):
        return shown in {exact, round(exact, 2), round(exact, 4)}
    if isinstance(shown, str) and isinstance(exact, str) and "T" in shown and len(shown) == 29:
        return shown in {exact, datetime.fromisoformat(exact).isoformat(timespec="milliseconds")}
    return bool(shown == exact)


def _model_and_build(now: dict[str, Any], files: dict[str, bytes], events: list[Event]) -> list[str]:
    """Return what of the model and the index build is not as the record or the log names it."""
    wrong = []
    model = files.get(f"models/{now['bundle_sha256']}/model.json")
    if model is not None:
        weights = [file["sha256"] for file in parsed(model)["files"].values()]
        if sha256(model) != now["bundle_sha256"] or now["model_sha256"] not in weights:
            wrong.append("the model")
    build = parsed(files.get(f"builds/{now['index']}.json", b"null"))
    subject = f"index:{now['index']}"
    logged = {event.says("manifest_sha256") for event in events if event.subject == subject} - {None}
    if build and (build["label"] != now["index"] or (logged and build["manifest_sha256"] not in logged)):
        wrong.append("the index build")
    return wrong


def _check_decisions(title: str, file: dict[str, Any], events: list[Event], report: Report) -> None:
    """Check that the decisions are those of the log, in its order, numbered from 1 without a gap."""
    shown, now, said = file["decisions"], file["logged"]["decisions"], [event.said or {} for event in events]
    numbers = [[one.get("number") for one in several] for several in (shown, now, said)]
    same = all(found == list(range(1, len(now) + 1)) for found in numbers)
    wrong = [] if same else ["the log has others, or another order"]
    for one, exact, logged in zip(shown, now, said, strict=False):
        fields = [name for name in one if not _alike(one[name], exact.get(name))]
        fields = sorted({*fields, *_differing(logged, exact)})
        wrong += [f"{name} of decision {one['number']}" for name in fields]
    if shown or events:
        made = ", then ".join(f"{one['kind']} by {one['decided_by']} at {one['created_at']}" for one in shown)
        bad = f"The decisions on {title} are not what was logged: {', '.join(wrong)}."
        report.check(not wrong, f"The decisions on {title} are what was logged: {made}.", bad)


TABLES = {"users": "Account", "tokens": "Token", "batches": "Batch"}
CHANGES = {
    "added": {"disabled": False},
    "disabled": {"disabled": True},
    "enabled": {"disabled": False},
    "second_factor_set": {"second_factor": True},
    "second_factor_removed": {"second_factor": False},
}
"""What a change of an account says by its name alone."""


class Word(NamedTuple):
    """The log's last word on a row: each fact with the number of the event that says it."""

    facts: dict[str, tuple[Any, int]]
    seq: int


def check_damage(files: dict[str, bytes], _events: list[Event], report: Report) -> None:
    """Say what was wrong with the log when this was taken, as whoever took it was told."""
    for line in files.get(DAMAGE, b"").decode(errors="replace").splitlines():
        report.check(False, f"The log was damaged when this was taken: {line}")


def check_state(files: dict[str, bytes], events: list[Event], known: list[Event], report: Report) -> None:
    """Check what tables and files said when this was taken against the log's last word on each.

    `known` are events of earlier evidence, whose word counts, too, unless a later event says otherwise.
    """
    if STATE not in files:
        say("note   Evidence of this format says nothing of accounts, tokens, batches, index and model.")
        return
    state = parsed(files[STATE])
    every = sorted({event.seq: event for event in (*known, *events)}.values(), key=lambda event: event.seq)
    heard = [event for event in every if event.seq <= state["up_to"]]
    words = _last_words(heard)
    for table, title in TABLES.items():
        for key, row in sorted(state[table].items()):
            _check_row(f"{title} {key}", row, words.get((table, key)), report)
    about = [event for event in events if event.subject.startswith(("estimate:", "case:"))]
    for prefix, table in (("user:", "users"), ("token:", "tokens")):
        acted = {event.actor.removeprefix(prefix) for event in about if event.actor.startswith(prefix)}
        for key in sorted(acted - state[table].keys()):
            report.check(False, f"state.json says nothing of {TABLES[table]} {key}, which acted here.")
    _check_photos(state["batch_photos"], files, heard, report)
    served = [event for event in heard if event.seq <= state["served"]["up_to"]]
    _check_index(state["served"]["index"], served, report)
    _check_model(state["served"]["model"], served, report)


def _last_words(heard: list[Event]) -> dict[tuple[str, str], Word]:
    """Return the last word on each row, by table and key."""
    words: dict[tuple[str, str], Word] = {}
    began = [event.seq for event in heard if event.subject == "state"]
    for event in heard:
        for table, key, facts in _facts(event) if event.seq not in began[1:] else ():
            said = words[table, key].facts if (table, key) in words else {}
            said.update({name: (value, event.seq) for name, value in facts.items()})
            words[table, key] = Word(said, event.seq)
    return words


def _facts(event: Event) -> list[tuple[str, str, dict[str, Any]]]:
    """Return what an event says of rows: (table, key, facts)."""
    said, key = event.said or {}, event.subject.partition(":")[2]
    if event.kind == "settings" and event.subject == "state":  # what the tables held when the log began
        return [(table, row, facts) for table in TABLES for row, facts in said.get(table, {}).items()]
    if event.kind == "account":
        told = {name: said[name] for name in ("role", "team", "mail", "keys_sha256") if name in said}
        return [("users", key, told | CHANGES.get(str(said.get("change")), {}))]
    if event.kind == "token":
        facts: dict[str, Any] = {"revoked": said.get("what") == "revoked"}
        if "scopes" in said:
            facts["scopes"] = sorted(said["scopes"])
        if "expires_at" in said:
            facts["expires_at"] = datetime.fromisoformat(said["expires_at"]).astimezone(UTC).isoformat()
        if "secret_sha256" in said:
            facts["secret_sha256"] = said["secret_sha256"]
        return [("tokens", key, facts)]
    if event.kind == "batch" and "photos" in said:
        return [("batches", key, {"photos": said["photos"], "by": event.actor})]
    return []


def _check_row(title: str, row: dict[str, Any] | None, word: Word | None, report: Report) -> None:
    if row is None and word is None:
        say(f"note   {title} is in no table, and no event says that it ever was.")
    elif word is None:
        report.check(False, f"{title} has no event: it was not written by simsvc.")
    elif row is None:
        report.check(False, f"{title} is missing, but the log's last word on it is event {word.seq}.")
    else:
        wrong = [
            _unlike(name, row.get(name), value, seq)
            for name, (value, seq) in sorted(word.facts.items())
            if row.get(name) != value
        ]
        told = (f"{name} {_plain(row[name])}" for name in sorted(row) if not name.endswith("_sha256"))
        good = f"{title} is as the log says: {', '.join(told)}."
        report.check(not wrong, good, f"{title}: {'; '.join(wrong)}.")


def _unlike(name: str, now: Any, logged: Any, seq: int) -> str:
    if name.endswith("_sha256"):
        return f"{name} is another one than in the log's last word (event {seq})"
    return f"{name} is {_plain(now)}, but the log's last word (event {seq}) is {_plain(logged)}"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in {"", None} else str(value)


def _check_photos(
    photos: dict[str, Any], files: dict[str, bytes], heard: list[Event], report: Report
) -> None:
    """Check what became of photos in batches against the batch's last event and the record."""
    names = [name for name in files if name.startswith("records/")]
    records = {name[8:-5]: parsed(files[name])["logged"]["estimate"] for name in names}
    ended = {event.subject[6:]: event for event in heard if event.kind == "batch" and event.says("results")}
    logged = {
        f"{batch}/{number}": (result, event.seq)
        for batch, event in ended.items()
        for number, result in enumerate(event.says("results"))
    }
    ours = {place for place, (result, _) in logged.items() if result in records}
    for place in sorted(photos.keys() | ours):
        now, (result, seq) = photos.get(place), logged.get(place, (None, 0))
        title = f"Photo {place} of a batch"
        if now is None:
            report.check(False, f"{title} is missing, but the log's last word (event {seq}) is {result}.")
            continue
        wrong = [_unlike("its result", now["result"], result, seq)] if seq and now["result"] != result else []
        record = records.get(now["result"], {})
        wrong += [
            f"{name} is {_plain(now[name])}, but its record says {_plain(record[name])}"
            for name in ("status", "code", "age_years")
            if record and now[name] != record[name]
        ]
        good = f"{title} became record {now['result']}, as that and the log say."
        report.check(not wrong, good, f"{title}: {'; '.join(wrong)}.")


def _check_index(index: dict[str, Any] | None, heard: list[Event], report: Report) -> None:
    """Check which index build was in service: one that was logged, with its manifest, switched to last."""
    if index is None:
        say("note   No index build was in service when this was taken.")
        return
    title, subject = f"Index build {index['label']}", f"index:{index['label']}"
    builds = [event for event in heard if event.kind == "build" and event.subject == subject]
    made = {event.says("manifest_sha256") for event in builds}
    switches = [event for event in heard if event.kind == "index_switch"]
    wrong = ""
    if not made - {None}:
        wrong = "was put into service without simsvc: the log does not have it"
    elif index["manifest_sha256"] not in made:
        wrong = "has another manifest than the log says, or none"
    elif switches and switches[-1].subject != subject:
        word = f"the log's last word (event {switches[-1].seq}) is {switches[-1].subject[6:]}"
        wrong = f"is named as the one in service, but {word}"
    report.check(not wrong, f"{title} was in service, as the log says.", f"{title} {wrong}.")
    _check_served_files(title, index["files"], report)


def _check_model(model: dict[str, Any] | None, heard: list[Event], report: Report) -> None:
    """Check which model was in service: the one of the last switch."""
    if model is None:
        say("note   There was no model in service when this was taken.")
        return
    title = f"Model {model['version']} ({model['bundle_sha256'][:12]})"
    switches = [event for event in heard if event.kind == "model_switch"]
    seqs = [event.seq for event in switches if event.says("bundle_sha256") == model["bundle_sha256"]]
    if seqs and seqs[-1] == switches[-1].seq:
        report.check(True, f"{title} was in service, as event {seqs[-1]} says.")
    elif seqs:
        say(f"note   {title} is that of event {seqs[-1]}; event {switches[-1].seq} put another in service.")
    elif model["origin"]:
        say(f"note   {title} is installed, and was not in service yet, as far as this evidence says.")
    else:
        report.check(False, f"{title} was put there without simsvc: the log does not have it.")
    _check_served_files(title, model["files"], report)


def _check_served_files(title: str, found: dict[str, Any] | None, report: Report) -> None:
    if found is None:
        say(f"note   The files of {title} could not be looked at when this was taken.")
    elif found["changed"]:
        names = ", ".join(found["changed"])
        report.check(False, f"{title} has files that are not as listed when it was made: {names}.")
    elif found["checked"] == "now":
        good = f"{title} has the files that were listed when it was made: {found['count']} hashed."
        report.check(True, good)
    else:
        size = f"{found['size_bytes'] / 1e9:.1f} GB"
        say(f"note   The files of {title} ({size}) were not hashed for this, but lately, and were as listed.")


def check_handed_over(files: dict[str, bytes], events: list[Event], report: Report) -> None:
    """Check that the log says who took this evidence: which files, and of each record which events."""
    exports = [event for event in events if event.kind == "export" and event.says("what") == "evidence"]
    taken = {event.subject: event for event in exports}
    noted = {name: digest for event in taken.values() for name, digest in event.says("files").items()}
    parts = ("records/", "crops/", "models/", "builds/", STATE)
    held = {name: sha256(data) for name, data in files.items() if name.startswith(parts)}
    wrong = sorted(name for name in held.keys() | noted.keys() if held.get(name) != noted.get(name))
    for subject, event in taken.items():
        before = [one.seq for one in events if one.subject == subject and one.seq < event.seq]
        wrong += [f"events about {subject}"] if before != event.says("seqs") else []
    if not taken or any(event.says("records") != len(taken) for event in taken.values()):
        wrong.append("whole records")
    last = max(taken.values(), default=None, key=lambda event: event.seq)
    good = f"This evidence was handed over by {last.actor} at {last.at}: event {last.seq}." if last else ""
    bad = f"The log does not say that this was handed over, or more was: {', '.join(wrong)}."
    if DAMAGE in files:
        bad = "The event that says who took this evidence is in no signed tree: nothing proves what it was."
    report.check(not wrong, good, bad)


CONTINUES = "The log that you were shown later continues the one that you hold"
BREAKS = "The log that you were shown later is not a continuation of the one that you hold"


def check_later(
    later: bytes | dict[str, bytes],
    files: dict[str, bytes],
    known: list[Event],
    given: list[Key],
    report: Report,
) -> None:
    """Check that what was published later continues the log of the evidence, which holds by itself.

    It is later evidence, or a checkpoint with the proof that it contains that of the evidence, whose events
    are `known`.
    """
    note, held = Note.of(files["log/checkpoint"]), given
    if not any(key.kind == LOG_KEY for key in given):
        inside = [Key.of(line.split(" ")[0]) for line in files["log/keys"].decode().split("\n")[:-1]]
        held = [*given, *(key for key in inside if note.signed_by(key) == "signed")]
    whose = "the key that you gave" if held is given else "the key that signed the earlier one"
    if isinstance(later, dict):
        say("note   What follows is about the later evidence.")
        alone = _check_alone(later, held, report, known, whose)
        newer = alone[0] if alone else None
        wrong, count = _compared(files, note, later, newer) if newer else ("", 0)
        if newer and not wrong:
            _check_none_left_out(files, note, later, newer, report)
    else:
        newer, proof = _read_proof(later)
        good = [key for key in held if key.name == newer.origin and newer.signed_by(key) == "signed"]
        report.check(bool(good), f"The later checkpoint of {newer.size} events is signed by {whose}.")
        wrong, count = _contained(note, newer, proof), note.size
    if newer and not wrong and isinstance(later, dict) and DAMAGE in later:
        say("note   The last checkpoint of that log continues yours. The log itself is damaged, see above.")
    elif newer:
        report.check(not wrong, f"{CONTINUES}: its first {count} events are the same.", f"{BREAKS}: {wrong}.")


def _read_proof(data: bytes) -> tuple[Note, list[bytes] | None]:
    """Return a checkpoint, and the proof if there is one, as `flask audit consistency` prints them."""
    head, _, tail = data.decode().partition("\n\n")
    if data.startswith(b"\n"):
        return Note.of(data[1:]), []
    if "\n\n" not in tail:
        return Note.of(data), None
    return Note.of(tail.encode()), [base64.b64decode(line, validate=True) for line in head.split("\n")]


def _contained(held: Note, newer: Note, proof: list[bytes] | None) -> str:
    """Return why a checkpoint is not a later one of the same log, or ""."""
    if newer.origin != held.origin:
        return f"it is of the log {newer.origin}, and yours of {held.origin}"
    if newer.size < held.size:
        cut = "its end was cut, or it was set back"
        return f"it ends with event {newer.size}, and yours with {held.size}: {cut}"
    if newer.size == held.size:
        return "" if newer.root == held.root else f"both have {held.size} events, and not the same ones"
    if proof is None:
        return f"nothing shows it; ask for what `flask audit consistency {held.size}` prints"
    return "" if contains(held, newer, proof) else f"its first {held.size} events are not those that you hold"


def _compared(files: dict[str, bytes], held: Note, later: dict[str, bytes], newer: Note) -> tuple[str, int]:
    """Return why later evidence is of another log, or "", and up to which event both are compared.

    The inclusion proof of an event fixes everything before it, so that one event of both is enough.
    """
    sizes = _contained(held, newer, []) if newer.origin != held.origin or newer.size <= held.size else ""
    mine, theirs = _leaves(files, held), _leaves(later, newer)
    both = sorted(mine.keys() & theirs.keys())
    for seq in both if not sizes else ():
        if mine[seq][0] != theirs[seq][0]:
            return f"event {seq} is another one", 0
        if mine[seq][1] != theirs[seq][1]:
            return f"something before event {seq} was changed, put in or taken out", 0
    if not both:
        return sizes or _contained(held, newer, None), 0
    left = held.size - both[-1]
    if left and not sizes and newer.size > held.size:
        ask = f"`flask audit consistency {held.size}` prints the proof"
        say(f"note   So the last {left} events of your checkpoint are not compared: {ask}.")
    return sizes, held.size if newer.size == held.size else both[-1]


def _check_none_left_out(
    files: dict[str, bytes], held: Note, later: dict[str, bytes], newer: Note, report: Report
) -> None:
    """Check that later evidence about the same records has every event about them that the earlier one has.

    Who looked is not told to everyone who may take evidence, so that such events may be left out.
    """
    mine, theirs = _leaves(files, held), _leaves(later, newer)
    lines = later["log/events.jsonl"].decode().split("\n")
    about = {f"estimate:{name[8:-5]}" for name in later if name.startswith("records/")}
    about |= {parsed(parsed(line)["leaf"])["subject"] for line in filter(None, lines)}
    missing = {seq: parsed(mine[seq][0]) for seq in sorted(mine.keys() - theirs.keys())}
    missing = {seq: leaf for seq, leaf in missing.items() if leaf["subject"].startswith("estimate:")}
    lost = [seq for seq, leaf in missing.items() if leaf["subject"] in about and leaf["kind"] != "read"]
    if lost:
        same = "which is about the same record"
        report.check(False, f"These events of yours are not in the later evidence, {same}: {_few(lost)}.")
    others = _few([seq for seq in missing if seq not in lost])
    if others:
        say(f"note   The later evidence is not about these events of yours: {others}. Ask for it by record.")


def _few(seqs: list[int]) -> str:
    return ", ".join(map(str, seqs[:10])) + (" ..." if seqs[10:] else "")


def _leaves(files: dict[str, bytes], note: Note) -> dict[int, tuple[str, bytes]]:
    """Return leaf, and root of the tree up to it, of each event that is proved to be in the log."""
    found = {}
    for line in filter(None, files["log/events.jsonl"].decode().split("\n")):
        given = parsed(line)
        leaf, index, proof = given["leaf"].encode(), given["index"], list(map(bytes.fromhex, given["proof"]))
        if is_included(index, leaf, proof, note):
            found[index + 1] = given["leaf"], root_up_to(index, leaf, proof, note.size)
    return found


def check(files: dict[str, bytes], keys: list[Key], later: bytes | dict[str, bytes] | None = None) -> int:
    """Check everything, say what holds and what does not, and return how much does not."""
    report = Report()
    alone = _check_alone(files, keys, report, [])
    if alone and later is not None:
        try:
            check_later(later, files, alone[1], keys, report)
        except BROKEN:
            report.check(
                False, "What you were shown later is neither evidence nor a checkpoint with its proof."
            )
    return report.failed


def _check_alone(
    files: dict[str, bytes],
    keys: list[Key],
    report: Report,
    known: list[Event],
    whose: str = "the key that you gave",
) -> tuple[Note, list[Event]] | None:
    """Check one piece of evidence, and return checkpoint and events, unless the checkpoint does not hold.

    `known` are events of earlier evidence.
    """
    check_manifest(files, report)
    note = check_checkpoint(files, keys, report, whose)
    if note is None:
        report.check(False, "Without a checkpoint that holds, nothing proves the events and records.")
        return None
    events = read_events(files, note, report)

    def check_rows(files: dict[str, bytes], events: list[Event], report: Report) -> None:
        check_state(files, events, known, report)

    for step in (check_damage, check_times, check_erased, check_records, check_rows, check_handed_over):
        try:
            step(files, events, report)
        except BROKEN:
            report.check(False, "A part of the evidence is not written as simsvc writes it.")
    return note, events


def read_later(place: str) -> bytes | dict[str, bytes]:
    """Return later evidence, or the bytes of a smaller file; raises Unreadable."""
    try:
        if zipfile.is_zipfile(place):
            return read_files(place)
        with Path(place).open("rb") as file:
            data = file.read(MOST_NOTE_BYTES + 1)
    except OSError as problem:
        raise Unreadable(problem.strerror or "it cannot be opened") from None
    if len(data) > MOST_NOTE_BYTES:
        raise Unreadable("it is larger than a checkpoint can be")
    return data


def main(words: list[str]) -> int:
    """Check the file that the command names, and return the exit status."""
    parser = argparse.ArgumentParser(description="Check evidence of simsvc offline.")
    parser.add_argument("file", help="the ZIP file")
    published = "verifier key of the log, or of a witness, as published"
    parser.add_argument("--key", action="append", default=[], metavar="VKEY", help=published)
    shown = "evidence taken later, or what `flask audit consistency SIZE` prints later: is it the same log?"
    parser.add_argument("--later", metavar="FILE", help=shown)
    asked = parser.parse_args(words)
    place = asked.file
    try:
        keys, files = [Key.of(text) for text in asked.key], read_files(place)
        place = asked.later
        later = read_later(place) if place else None
    except Unreadable as problem:
        say(f"{Path(place).name} cannot be read as evidence: {problem}.")
        return 2
    except BROKEN:
        say("What stands after --key is not a verifier key: name+hash+base64.")
        return 2
    failed = check(files, keys, later)
    say(f"Result: {failed} of these do not hold." if failed else "Result: everything holds.")
    return 1 if failed else 0


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))
