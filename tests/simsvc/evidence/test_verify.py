from __future__ import annotations

import hashlib
import json
import random
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text

from simsvc.errors import CaseNotFound, EstimateNotFound
from simsvc.evidence import verify
from tests.databases import sqlite_database
from tests.simsvc.evidence.helpers import (
    MODEL_SHA256,
    Desk,
    Signer,
    checked,
    make_desk,
    packed,
    path,
    relisted,
    root,
    subproof,
    verified,
    verified_alone,
    zipped,
)

HOLDS = "Result: everything holds."
FEW = 12
"""Changed bytes of each file: enough to hit each of its parts over time, since the seed is the file's own."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = make_desk(sqlite_database(tmp_path / "simsvc.sqlite3"))
    yield desk
    desk.database.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """Return evidence that tests change copies of."""
    desk = make_desk(sqlite_database(tmp_path_factory.mktemp("evidence") / "simsvc.sqlite3"))
    taken = desk.take()
    desk.database.close()
    return taken


def attack(desk: Desk, *statements: str) -> None:
    """Change the database like its owner, who drops the triggers first."""
    with desk.database.transaction() as session:
        names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
        for statement in (*(f"DROP TRIGGER {name}" for name in names), *statements):
            session.execute(text(statement))


def run(files: Mapping[str, bytes]) -> tuple[int, str]:
    """Check files, and return the exit status and what does not hold."""
    outcome = checked(files)
    return outcome.status, "\n".join(line for line in outcome.lines if not line.startswith("holds"))


def test_evidence_holds_where_nothing_of_simsvc_is_installed(desk: Desk, tmp_path: Path) -> None:
    """Two records, two decisions and a referral are proved, with the key that was published."""
    words = (packed(desk.take(), tmp_path / "case.zip"), "--key", desk.log.signer.vkey)
    outcome = verified_alone(*words)
    assert outcome == verified(*words)
    assert (outcome.status, outcome.failures, outcome.lines[-1]) == (0, "", HOLDS)
    assert "signed by the key that you gave" in outcome.text
    assert "need_more by" in outcome.text
    assert ", then override by" in outcome.text
    for record_id in (desk.first, desk.second):
        assert f"({record_id}) is what was logged" in outcome.text
    assert "37.12 years, likely between 30.5 and 45.0" in outcome.text
    assert f"handed over by user:{'a' * 32}" in outcome.text
    assert "were not checked" not in outcome.text


def test_without_a_key_it_says_that_it_trusts_the_one_inside(desk: Desk, tmp_path: Path) -> None:
    """The key is printed, to be compared with the one that was published."""
    outcome = verified(packed(desk.take(), tmp_path / "case.zip"))
    assert (outcome.status, outcome.failures) == (0, "")
    assert f"Compare this key with the one that the insurer published: {desk.log.signer.vkey}" in outcome.text


def test_another_key_does_not_hold(desk: Desk, tmp_path: Path) -> None:
    """A key of the same name, and the log's own key in a witness's place, did not sign."""
    place = packed(desk.take(), tmp_path / "case.zip")
    for key in (Signer(), Signer("elsewhere")):
        outcome = verified(place, "--key", key.vkey)
        assert outcome.status == 1
        assert "not signed by the key that you gave" in outcome.failures
        assert "nothing proves the events" in outcome.failures
    outcome = verified(place, "--key", Signer("witness", 4).vkey)
    assert outcome.status == 1
    assert "The witness witness did not sign" in outcome.failures
    assert verified(place, "--key", "no key").status == 2


def test_witnesses_are_checked_with_their_keys(desk: Desk, tmp_path: Path) -> None:
    """A cosignature is named with its time; without its key, it is said that nobody checked it."""
    witness = Signer("witness.example", 4)
    desk.log.witnesses = (witness,)
    place = packed(desk.take(), tmp_path / "case.zip")
    outcome = verified(place, "--key", witness.vkey, "--key", desk.log.signer.vkey)
    assert outcome.status == 0
    assert "witness.example signed the checkpoint of 11 events at 2026-11-30T12:00:00+00:00" in outcome.text
    assert "Signatures of witness.example were not checked" in verified(place).text


def test_the_published_key_is_enough_after_it_was_replaced(desk: Desk, tmp_path: Path) -> None:
    """Checkpoints that two keys signed lead from the first key to the third, and none from a stranger's."""
    first = desk.log.signer
    for _ in range(2):
        desk.log.rotate()
        desk.take()
    files = desk.take()
    place = packed(files, tmp_path / "case.zip")
    outcome = verified(place, "--key", first.vkey)
    assert (outcome.status, outcome.failures) == (0, "")
    assert "by the key that you gave, or by the one that replaced it" in outcome.text
    assert verified(place, "--key", desk.log.signer.vkey).status == 0
    assert verified(place, "--key", Signer().vkey).status == 1
    rotation = next(name for name in sorted(files) if name.startswith("log/rotations/"))
    fewer = relisted({name: data for name, data in files.items() if name != rotation})
    assert verified(packed(fewer, tmp_path / "fewer.zip"), "--key", first.vkey).status == 1


def test_a_witness_of_an_earlier_checkpoint_counts(desk: Desk, tmp_path: Path) -> None:
    """What it signed is contained in the evidence's checkpoint; a log that was rewritten since is named."""
    witness = Signer("witness.example", 4)
    desk.log.witnesses = (witness,)
    desk.log.earlier = desk.log.checkpoint()
    desk.log.witnesses = ()
    size, files = desk.log.earlier.size, desk.take()
    outcome = verified(packed(files, tmp_path / "case.zip"), "--key", witness.vkey)
    assert (outcome.status, outcome.failures) == (0, "")
    assert f"The checkpoint contains the earlier one of {size} events unchanged" in outcome.text
    assert f"The witness witness.example signed the checkpoint of {size} events at 2026" in outcome.text
    attack(desk, "UPDATE events SET actor = 'user:x' WHERE seq = 2")
    rewritten = verified(packed(desk.take(), tmp_path / "rewritten.zip"))
    assert rewritten.status == 1
    assert f"The checkpoint contradicts the earlier one of {size} events" in rewritten.failures


def test_proofs_of_every_size_hold() -> None:
    """Inclusion and consistency proofs of trees of 1 to 40 leaves hold, and no other proof does."""
    leaves = [hashlib.sha256(b"\0" + bytes([number])).digest() for number in range(40)]
    notes = [verify.Note(b"", "", size, root(leaves[:size]), []) for size in range(1, 41)]
    for note in notes:
        for index in range(note.size):
            proof = path(index, leaves[: note.size])
            assert verify.is_included(index, bytes([index]), proof, note)
            assert not verify.is_included(index, bytes([index + 1]), proof, note)
            assert not verify.is_included(index, bytes([index]), [*proof, leaves[0]], note)
            assert not verify.is_included(index + 1, bytes([index]), proof, note)
        for old in notes[: note.size]:
            proof = subproof(old.size, leaves[: note.size], whole=True)
            assert verify.contains(old, note, proof)
            assert not verify.contains(old._replace(root=leaves[1]), note, proof)
            assert not verify.contains(old, note, [*proof, leaves[0]])
            assert not proof or not verify.contains(old, note, proof[1:])


@pytest.mark.parametrize("forged", [False, True])
def test_each_changed_byte_is_named(files: Mapping[str, bytes], forged: bool) -> None:
    """Whatever part of a file is changed, something does not hold; also where MANIFEST.json was made to fit.

    What no digest can tell about itself is left out: README.txt and verify.py, which prove nothing, the sizes
    that a key is said to have signed, and MANIFEST.json made to fit itself.
    """
    left_out = {"README.txt", "verify.py", "log/keys", "MANIFEST.json"} if forged else set()
    for name in sorted(files.keys() - left_out):
        dice = random.Random(name)  # noqa: S311 - the same bytes each time
        for place in dice.sample(range(len(files[name])), min(FEW, len(files[name]))):
            changed = bytearray(files[name])
            changed[place] ^= 1 << dice.randrange(8)
            other = {**files, name: bytes(changed)}
            status, said = run(relisted(other) if forged else other)
            assert status == 1, (name, place)
            assert forged or name in said, (name, place, said)


def test_each_byte_of_a_leaf_counts(files: Mapping[str, bytes]) -> None:
    """Every byte of an event's line is covered: leaf, content, salt, index and proof."""
    lines = files["log/events.jsonl"].split(b"\n")
    number = next(number for number, line in enumerate(lines) if b"neighbours" in line)
    for place in range(0, len(lines[number]), 7):
        changed = bytearray(lines[number])
        changed[place] ^= 1
        said = b"\n".join([*lines[:number], bytes(changed), *lines[number + 1 :]])
        other = relisted({**files, "log/events.jsonl": said})
        assert run(other)[0] == 1, place


def test_a_changed_record_is_named_by_field(files: Mapping[str, bytes]) -> None:
    """What the record shows, its unrounded form, and its decisions are each compared with the log."""
    name = next(name for name in sorted(files) if name.startswith("records/") and b"need_more" in files[name])
    changes = {
        "age_years": ("record", "age_years", 41.0),
        "case": ("record", "case", "K-2"),
        "created_at": ("record", "created_at", "2026-11-30T12:00:00.001+00:00"),
        "neighbours": ("record", "neighbours", []),
        "photo_sha256": ("logged", "estimate", {"photo_sha256": "00" * 32}),
        "interval_years": ("logged", "estimate", {"interval_years": [30.5, 46.0]}),
    }
    for field, (part, inner, value) in changes.items():
        said = json.loads(files[name])
        said[part][inner] = {**said[part][inner], **value} if isinstance(value, dict) else value
        other = relisted({**files, name: json.dumps(said).encode()})
        status, failures = run(other)
        assert status == 1
        assert f"is not what was logged: {field}" in failures or f", {field}" in failures, (field, failures)
    said = json.loads(files[name])
    said["decisions"][1]["age_years"] = 50
    failures = run(relisted({**files, name: json.dumps(said).encode()}))[1]
    assert "age_years of decision 2" in failures
    for decisions in (said["decisions"][:1], said["decisions"][::-1]):
        said["decisions"] = decisions
        failures = run(relisted({**files, name: json.dumps(said).encode()}))[1]
        assert "the log has others, or another order" in failures


def test_an_erased_record_of_the_case_leaves_the_rest_proved(desk: Desk, tmp_path: Path) -> None:
    """Evidence of the case holds; asked for by ID, the erased record is shown as erased, with its receipt."""
    before = packed(desk.take(), tmp_path / "before.zip")
    receipt = desk.erase(desk.second)
    after = verified(packed(desk.take(), tmp_path / "after.zip"))
    assert (after.status, after.failures) == (0, "")
    assert desk.second not in after.text
    both = verified(packed(desk.take("K-1", desk.second), tmp_path / "both.zip"))
    assert (both.status, both.failures) == (0, "")
    assert f"Record {desk.second} was erased" in both.text
    erased = [line for line in both.lines if "was erased; receipt: event" in line]
    assert len(erased) == 3  # the estimate, the referral, and the evidence taken before
    assert all(f"receipt: event {receipt} of" in line for line in erased)
    assert f"({desk.first}) is what was logged" in both.text
    assert verified(before).status == 0


def test_an_erasure_without_a_receipt_is_named(desk: Desk, tmp_path: Path) -> None:
    """Contents that were deleted past simsvc are missing, not erased."""
    attack(desk, "DELETE FROM event_contents WHERE seq IN (SELECT seq FROM events WHERE kind = 'decision')")
    outcome = verified(packed(desk.take(), tmp_path / "case.zip"))
    assert outcome.status == 1
    assert "is missing, and no receipt says that it was erased" in outcome.failures


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE estimates SET age_years = 20 WHERE age_years > 50", "is not what was logged: age_years"),
        ("UPDATE decisions SET age_years = 60 WHERE number = 2", "age_years of decision 2"),
        ("DELETE FROM decisions WHERE number = 2", "the log has others, or another order"),
        ("DELETE FROM estimates WHERE age_years > 50", "although the log says that it was made"),
        ("UPDATE neighbours SET age_years = 90 WHERE rank = 1", "is not what was logged: neighbours"),
        ("UPDATE event_contents SET content = replace(content, '51', '52')", "is not what was logged"),
        ("UPDATE crops SET png = x'00'", "is not what was logged: crop_sha256"),
    ],
)
def test_evidence_of_an_attacked_database_names_it(
    desk: Desk, tmp_path: Path, statement: str, words: str
) -> None:
    """A row that was changed past the log does not agree with its event."""
    attack(desk, statement)
    outcome = verified(packed(desk.take("K-1", desk.first, desk.second), tmp_path / "case.zip"))
    assert outcome.status == 1
    assert words in outcome.failures


def test_evidence_taken_before_an_attack_proves_what_was(desk: Desk, tmp_path: Path) -> None:
    """Whatever is done to the log later: the old evidence holds, by the key that signed it then."""
    before = packed(desk.take(), tmp_path / "before.zip")
    key = desk.log.signer.vkey
    attack(
        desk,
        "DELETE FROM event_contents WHERE seq > 3",
        "DELETE FROM events WHERE seq > 3",
        "DELETE FROM estimates WHERE age_years > 50",
        "UPDATE estimates SET age_years = 20",
    )
    outcome = verified(before, "--key", key)
    assert (outcome.status, outcome.failures) == (0, "")
    assert "51.0 years" in outcome.text
    assert verified(packed(desk.take(), tmp_path / "after.zip"), "--key", key).status == 1


def test_an_event_changed_after_the_checkpoint_was_signed_has_no_proof(desk: Desk, tmp_path: Path) -> None:
    """Events of a tree that the checkpoint does not sign are named, one by one."""
    old, new = desk.take(), None
    attack(desk, "UPDATE events SET actor = 'user:x' WHERE kind = 'decision'")
    new = desk.take()
    mixed = relisted({**new, "log/checkpoint": old["log/checkpoint"]})
    outcome = verified(packed(mixed, tmp_path / "case.zip"))
    assert outcome.status == 1
    assert "(decision, estimate:" in outcome.failures
    assert "is not in the log of this checkpoint" in outcome.failures


def test_files_that_come_or_go_are_named(files: Mapping[str, bytes], tmp_path: Path) -> None:
    """An extra file, a missing one, and one more listed in MANIFEST.json, which the log does not know."""
    record = next(name for name in files if name.startswith("records/"))
    extra = {**files, "records/extra.json": b"{}"}
    outcome = verified(packed(extra, tmp_path / "case.zip"))
    assert outcome.status == 1
    assert "records/extra.json does not belong to the evidence" in outcome.failures
    forged = verified(packed(relisted(extra), tmp_path / "case.zip"))
    assert "or more was: records/extra.json." in forged.failures
    fewer = {name: data for name, data in files.items() if name != record}
    assert f"{record} is missing" in verified(packed(fewer, tmp_path / "case.zip")).failures
    assert (
        "although the log says that it was made" in verified(packed(relisted(fewer), tmp_path / "c")).failures
    )


def test_each_event_and_each_record_that_is_left_out_is_missed(files: Mapping[str, bytes]) -> None:
    """Whoever shortens the evidence is contradicted by the event that says what was handed over."""
    lines = [f"{line}\n" for line in files["log/events.jsonl"].decode().split("\n")[:-1]]
    about = [number for number, line in enumerate(lines) if "estimate:" in line]
    assert len(about) == 7
    for number in about:
        fewer = "".join(lines[:number] + lines[number + 1 :]).encode()
        assert run(relisted({**files, "log/events.jsonl": fewer}))[0] == 1, lines[number]
    record = next(name for name in sorted(files) if name.startswith("records/"))[8:-5]
    other = {name: data for name, data in files.items() if record not in name}
    other["log/events.jsonl"] = "".join(line for line in lines if record not in line).encode()
    assert "whole records" in run(relisted(other))[1]


def test_two_files_of_one_name_are_not_read(files: Mapping[str, bytes], tmp_path: Path) -> None:
    """Programs differ in which one they show, so neither can be trusted."""
    place, record = tmp_path / "case.zip", next(name for name in files if name.startswith("records/"))
    with zipfile.ZipFile(packed(files, place), "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(record, b"{}")
    outcome = verified(place)
    assert outcome.status == 2
    assert "two files with the same name" in outcome.text


@pytest.mark.parametrize("name", ["MANIFEST.json", "log/checkpoint", "log/keys", "log/events.jsonl"])
def test_a_file_that_is_no_evidence_is_not_read(
    files: Mapping[str, bytes], name: str, tmp_path: Path
) -> None:
    """Without one of these files, there is nothing to check."""
    outcome = verified(
        packed({other: data for other, data in files.items() if other != name}, tmp_path / "c.zip")
    )
    assert (outcome.status, outcome.lines) == (2, (f"c.zip cannot be read as evidence: it has no {name}.",))


def test_a_cut_or_damaged_file_is_not_read(files: Mapping[str, bytes], tmp_path: Path) -> None:
    """A truncated ZIP, a damaged one, a directory, nothing, and another kind of file: status 2, in words."""
    place = packed(files, tmp_path / "case.zip")
    whole = place.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        place.write_bytes(whole[:size])
        assert verified(place).status == 2, size
    place.write_bytes(whole[:200] + b"\0" * 40 + whole[240:])
    assert verified(place).status == 2
    assert verified(tmp_path).status == 2
    assert verified(tmp_path / "none.zip").status == 2


def test_a_bomb_is_not_unpacked(files: Mapping[str, bytes], tmp_path: Path) -> None:
    """A file larger than evidence can be, one that lies about its size, and very many files are refused."""
    place = tmp_path / "bomb.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        with archive.open("bomb", "w", force_zip64=True) as out:
            for _ in range(65):
                out.write(bytes(1 << 20))
    assert "larger than evidence can be" in verified(place).text
    lying = place.read_bytes().replace((65 << 20).to_bytes(4, "little"), (1 << 10).to_bytes(4, "little"))
    place.write_bytes(lying.replace((65 << 20).to_bytes(8, "little"), (1 << 10).to_bytes(8, "little")))
    assert verified(place).status == 2
    place.write_bytes(zipped({f"{number}": b"" for number in range(10_001)}))
    assert "larger than evidence can be" in verified(place).text


def test_nested_or_odd_json_is_named(files: Mapping[str, bytes]) -> None:
    """JSON that is deep, ambiguous, or of another shape is not written as simsvc writes it."""
    record = next(name for name in sorted(files) if name.startswith("records/"))
    for odd in (b"[" * 100_000, b'{"record": 1, "record": 2}', b"[]", b"null", b"\xff", b'{"record": NaN}'):
        for name in (record, "state.json", "log/events.jsonl", "log/checkpoint", "log/keys", "MANIFEST.json"):
            other = {**files, name: odd}
            status, said = run(other if name == "MANIFEST.json" else relisted(other))
            assert status == 1, (name, odd[:20])
            assert "not written as" in said or "cannot be understood" in said or "was changed" in said


def test_models_and_builds_are_those_of_the_record(files: Mapping[str, bytes]) -> None:
    """model.json must be the one whose digest the log has, and name the model's weights."""
    name = f"models/{MODEL_SHA256}/model.json"
    assert hashlib.sha256(files[name]).hexdigest() == MODEL_SHA256
    other = relisted({**files, name: files[name].replace(b"cd", b"ce")})
    assert "the model" in run(other)[1]


def test_control_signs_do_not_reach_the_terminal(desk: Desk, tmp_path: Path) -> None:
    """What a file says is printed without escape sequences."""
    attack(desk, "UPDATE events SET actor = 'user:' || char(27) || '[2J' WHERE kind = 'decision'")
    assert "\x1b" not in verified(packed(desk.take(), tmp_path / "case.zip")).text


def test_what_never_was_is_not_found(desk: Desk) -> None:
    """Neither an unknown case nor an unknown record has evidence, and nothing is logged of asking."""
    count = len(desk.log.leaves())
    with pytest.raises(CaseNotFound):
        desk.take("K-9")
    with pytest.raises(EstimateNotFound):
        desk.take(None, "0" * 32)
    assert len(desk.log.leaves()) == count


def test_one_record_is_enough(desk: Desk, tmp_path: Path) -> None:
    """Evidence of a record says nothing of the other ones of its case."""
    files = desk.take(None, desk.first)
    outcome = verified(packed(files, tmp_path / "record.zip"))
    assert (outcome.status, outcome.failures) == (0, "")
    assert not any(desk.second.encode() in data for data in files.values())
