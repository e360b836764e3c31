"""Each kind of witness, with a real receiver on this machine."""

from __future__ import annotations

import base64
import json
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simsvc.adapters.witnesses.aws_signature import Credentials, signed
from simsvc.adapters.witnesses.c2sp import C2spWitness
from simsvc.adapters.witnesses.file import FileWitness
from simsvc.adapters.witnesses.http import HttpWitness
from simsvc.adapters.witnesses.s3 import S3Witness
from simsvc.adapters.witnesses.syslog import SyslogWitness
from simsvc.domain.audit.tree.merkle import EMPTY_ROOT
from simsvc.domain.audit.tree.signed_note import parse_note, verify_note
from simsvc.errors import WitnessDisagrees, WitnessFailed, WitnessLied
from simsvc.values.audit.witnesses import Seen
from tests.receivers import syslog_tcp_server
from tests.simsvc.adapters.witnesses.small_log import SmallLog
from tests.witness_servers import (
    BucketServer,
    NoteServer,
    Reply,
    WitnessServer,
    bucket_server,
)

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
"""Of the Amazon S3 API Reference."""


@pytest.fixture
def log() -> SmallLog:
    return SmallLog()


@pytest.fixture
def bucket() -> Iterator[BucketServer]:
    with bucket_server() as found:
        yield found


def test_a_file_is_only_appended_to(tmp_path: Path, log: SmallLog) -> None:
    """Each checkpoint is a line; the last whole one is read back, and only the service may read the file."""
    file = tmp_path / "checkpoints"
    witness = FileWitness(file)
    assert witness.last(None, log.prove) is None
    first, second = log.grow(3), log.grow(7)
    for one in (first, second):
        assert witness.take(one, 0, log.prove) == ()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["note"] for line in lines] == [first.note, second.note]
    assert witness.last(None, log.prove) == Seen(7, second.root, second.note, second.at)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert witness.name == f"file:{file}"


def test_a_line_that_was_cut_hides_nothing(tmp_path: Path, log: SmallLog) -> None:
    """After a crash in the middle of a line, the line before it is read, and the next one begins anew."""
    file = tmp_path / "checkpoints"
    witness, first, second = FileWitness(file), log.grow(3), log.grow(7)
    witness.take(first, 0, log.prove)
    with file.open("ab") as torn:
        torn.write(b'{"size": 5, "at": "2026')
    found = witness.last(None, log.prove)
    assert found is not None
    assert found.size == 3
    witness.take(second, 0, log.prove)
    found = witness.last(None, log.prove)
    assert found is not None
    assert found.size == 7


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, log: SmallLog) -> None:
    """The sentence has the path and the reason."""
    witness = FileWitness(tmp_path / "missing" / "checkpoints")
    with pytest.raises(WitnessFailed, match=r"missing/checkpoints cannot be written \(No such file"):
        witness.take(log.grow(1), 0, log.prove)


def test_an_endpoint_takes_the_note_as_it_is(notes: NoteServer, log: SmallLog) -> None:
    """Posted as text, returned by GET; user and password go into a header and never into a name."""
    url = notes.url.replace("://", "://log:pa%3Ass@")
    witness = HttpWitness(url)
    assert witness.last(None, log.prove) is None
    checkpoint = log.grow(5)
    witness.take(checkpoint, 0, log.prove)
    assert notes.notes == [checkpoint.note]
    assert notes.authorization == [f"Basic {base64.b64encode(b'log:pa:ss').decode()}"]
    assert witness.last(None, log.prove) == Seen(5, checkpoint.root, checkpoint.note)
    assert not {"secret", "pa", "token"} & set(re.split(r"\W+", witness.name))


def test_an_endpoint_that_fails_is_named(notes: NoteServer, log: SmallLog) -> None:
    """A refusal, an error and a closed port are failures; nonsense instead of a checkpoint is a lie."""
    witness, checkpoint = HttpWitness(notes.url), log.grow(1)
    notes.status = 507
    with pytest.raises(WitnessFailed, match="answered with HTTP status 507"):
        witness.take(checkpoint, 0, log.prove)
    with pytest.raises(WitnessFailed, match="507"):
        witness.last(None, log.prove)
    notes.status = 405
    assert witness.last(None, log.prove) is None
    notes.status = 200
    with pytest.raises(WitnessLied, match="a checkpoint that no known key of this log has signed"):
        witness.last(None, log.prove)
    with pytest.raises(WitnessFailed, match="cannot be reached"):
        HttpWitness("http://127.0.0.1:9/").take(checkpoint, 0, log.prove)


def test_syslog_gets_every_part_of_the_note(log: SmallLog) -> None:
    """The note can be put together again from the structured data."""
    with syslog_tcp_server() as syslog:
        witness, checkpoint = SyslogWitness(syslog.url), log.grow(5)
        assert witness.take(checkpoint, 0, log.prove) == ()
        assert witness.last(checkpoint, log.prove) is None
        text = syslog.taken[0].decode()
        assert " checkpoint [checkpoint@32473 " in text
        parts = dict(re.findall(r'(\w+)="([^"]*)"', text))
        note = f"{parts['origin']}\n{parts['size']}\n{parts['root']}\n\n{parts['signature']}\n"
        assert note == checkpoint.note


def test_a_c2sp_witness_cosigns_what_continues(tiny: WitnessServer, log: SmallLog) -> None:
    """The first checkpoint without a proof, later ones with one; each cosignature verifies."""
    witness = C2spWitness(tiny.setting)
    known = 0
    for size in (1, 3, 8, 300):
        checkpoint = log.grow(size)
        (cosignature,) = witness.take(checkpoint, known, log.prove)
        note = parse_note(checkpoint.note + cosignature.line + "\n")
        assert verify_note(note, [log.key, tiny.vkey]) == (log.key, tiny.vkey)
        assert cosignature.at == datetime.fromtimestamp(tiny.now_s, UTC)
        known = size
    assert tiny.saw == [1, 3, 8, 300]
    assert tiny.requests[0].startswith("old 0\n\nsimsvc/")
    assert len(tiny.requests) == 4


def test_a_c2sp_witness_is_asked_for_its_size(tiny: WitnessServer, log: SmallLog) -> None:
    """Nothing is remembered of it: its answer 409 says where to continue."""
    C2spWitness(tiny.setting).take(log.grow(5), 0, log.prove)
    assert C2spWitness(tiny.setting).take(log.grow(9), 0, log.prove)
    assert tiny.saw == [5, 9]
    latest = log.latest()
    assert C2spWitness(tiny.setting).last(None, log.prove) is None
    assert latest is not None
    assert C2spWitness(tiny.setting).last(latest, log.prove) == Seen(9, latest.root, latest.note)


def test_a_c2sp_witness_names_a_log_that_does_not_continue(tiny: WitnessServer, log: SmallLog) -> None:
    """Shorter, of the same length, or longer with another beginning."""
    witness = C2spWitness(tiny.setting)
    witness.take(log.grow(9), 0, log.prove)
    other = SmallLog()
    other.grow(5, "other")
    shorter = other.latest()
    with pytest.raises(WitnessDisagrees, match="has seen 9 events, more than the 5"):
        witness.take(other.made[-1], 5, other.prove)
    assert witness.last(shorter, other.prove) == Seen(9)
    for size in (9, 12):
        latest = other.grow(size, "other")
        with pytest.raises(WitnessDisagrees, match="has seen 9 other events"):
            witness.take(latest, 9, other.prove)
        assert witness.last(latest, other.prove) == Seen(9, refused=True)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(404, "does not know this log"), (403, "does not trust the key"), (400, "400"), (500, "500")],
)
def test_each_refusal_of_a_c2sp_witness_is_named(
    tiny: WitnessServer, log: SmallLog, status: int, sentence: str
) -> None:
    """The sentence says what to do."""
    tiny.status = status
    with pytest.raises(WitnessFailed, match=sentence):
        C2spWitness(tiny.setting).take(log.grow(1), 0, log.prove)


def test_a_witness_that_knows_the_log_checks_origin_and_key(tiny: WitnessServer, log: SmallLog) -> None:
    """As the specification has it: 404 for another origin, 403 for another key."""
    tiny.origin, tiny.log_vkeys = log.origin, (str(SmallLog().key),)
    with pytest.raises(WitnessFailed, match="does not trust the key"):
        C2spWitness(tiny.setting).take(log.grow(1), 0, log.prove)
    tiny.origin, tiny.log_vkeys = "another.example/log", ()
    with pytest.raises(WitnessFailed, match="does not know this log"):
        C2spWitness(tiny.setting).take(log.grow(1), 0, log.prove)


def test_a_wrong_cosignature_is_a_lie(tiny: WitnessServer, log: SmallLog) -> None:
    """A signature of something else; none at all, or nonsense, is an answer that is not one."""
    witness, checkpoint = C2spWitness(tiny.setting), log.grow(5)
    other = tiny.cosignature(parse_note(SmallLog("x").sign().note).text).encode()
    tiny.twist = lambda reply: (reply[0], reply[1], other)
    with pytest.raises(WitnessLied, match="signed something other than the checkpoint of 5 events"):
        witness.take(checkpoint, 0, log.prove)
    stranger = WitnessServer(name="stranger.example")
    line = stranger.cosignature(parse_note(checkpoint.note).text).encode()
    for body in (line, b"", b"hello\n"):
        tiny.size, tiny.root = 0, EMPTY_ROOT
        tiny.twist = lambda reply, body=body: (reply[0], reply[1], body)  # type: ignore[misc]
        with pytest.raises(WitnessFailed, match="not one of a C2SP witness"):
            C2spWitness(tiny.setting).take(checkpoint, 0, log.prove)


def test_a_witness_that_forgot_is_named_once_and_continues(tiny: WitnessServer, log: SmallLog) -> None:
    """It says a smaller size than it took; that is a lie, and the next attempt goes on from there."""
    witness = C2spWitness(tiny.setting)
    small = log.grow(4)
    witness.take(small, 0, log.prove)
    witness.take(log.grow(9), 4, log.prove)
    tiny.size, tiny.root = 4, small.root
    latest = log.grow(12)
    with pytest.raises(WitnessLied, match="says it saw 4 events, but it took a checkpoint of 9 before"):
        witness.take(latest, 9, log.prove)
    assert witness.take(latest, 9, log.prove)
    assert tiny.size == 12


def test_a_witness_whose_size_never_settles_is_named(tiny: WitnessServer, log: SmallLog) -> None:
    """It answers another size each time; the attempts end."""
    sizes = iter(range(1, 9))

    def moving(_reply: Reply) -> Reply:
        return 409, "text/x.tlog.size", f"{next(sizes)}\n".encode()

    tiny.twist = moving
    with pytest.raises(WitnessFailed, match="another size each time"):
        C2spWitness(tiny.setting).take(log.grow(9), 0, log.prove)


def test_a_bucket_gets_locked_objects(bucket: BucketServer, log: SmallLog) -> None:
    """An object for each checkpoint, in compliance mode for the days that the address says."""
    witness = S3Witness(bucket.url + "&days=30", KEYS, lambda: NOW)
    assert witness.last(None, log.prove) is None
    for size in (5, 12, 101):
        witness.take(log.grow(size), 0, log.prove)
    assert sorted(bucket.objects)[0] == "age/999999999899-101.note"
    latest = log.made[-1]
    assert witness.last(None, log.prove) == Seen(101, latest.root, latest.note)
    put = {name.lower(): value for name, value in bucket.headers[1].items()}
    assert put["x-amz-object-lock-mode"] == "COMPLIANCE"
    assert put["x-amz-object-lock-retain-until-date"] == "2026-06-03T09:00:00Z"
    assert "x-amz-object-lock-mode" in put["authorization"]
    with pytest.raises(WitnessFailed, match="403"):
        witness.take(SmallLog(*["other"] * 12).sign(), 0, log.prove)
    with pytest.raises(WitnessFailed, match="AWS_ACCESS_KEY_ID"):
        S3Witness(bucket.url, Credentials("", "", ""), lambda: NOW).take(latest, 0, log.prove)
    assert witness.name == "s3://logs/age/"


def test_requests_are_signed_as_amazon_says() -> None:
    """The examples "GET Object" and "PUT Object" of the Amazon S3 API Reference."""
    now = datetime(2013, 5, 24, tzinfo=UTC)
    host = "https://examplebucket.s3.amazonaws.com"
    got = signed("GET", f"{host}/test.txt", {"Range": "bytes=0-9"}, b"", KEYS, now)
    assert got["Authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )
    headers = {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    put = signed("PUT", f"{host}/test%24file.text", headers, b"Welcome to Amazon S3.", KEYS, now)
    assert put["Authorization"].endswith(
        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )
    listed = signed("GET", f"{host}/?max-keys=2&prefix=J", {}, b"", KEYS, now)
    assert listed["Authorization"].endswith(
        "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    )
