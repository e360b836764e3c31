from __future__ import annotations

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.audit.tree.signed_note import (
    COSIGNATURE,
    MOST_SIGNATURES,
    SignedNote,
    VerifierKey,
    cosigned,
    cosigned_at,
    parse_note,
    parse_vkey,
    sign_note,
    verify_note,
)
from simsvc.domain.audit.tree.tlog_checkpoint import head_text, parse_head
from simsvc.errors import CheckpointRefused, NoteRefused, VerifierKeyRefused
from simsvc.values.audit.log import TreeHead

# of golang.org/x/mod/sumdb/note
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
BY_PETER = (
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
BY_ENOCH = (
    "— EnochRoot "
    "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
# of c2sp.org/signed-note
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
BY_FOO = """This is an example message.

— example.com/foo \
Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
# of c2sp.org/tlog-checkpoint
CHECKPOINT = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""


def reason_of(note: str | bytes, *keys: VerifierKey) -> str | None:
    with pytest.raises(NoteRefused) as refused:
        verify_note(parse_note(note), keys)
    return refused.value.reason


def changed(line: str) -> str:
    return f"{line[:60]}ABCD{line[60:]}"


def test_the_key_and_note_of_the_specification_verify() -> None:
    key = parse_vkey(FOO)

    assert (key.name, key.key_id.hex(), str(key)) == ("example.com/foo", "530d903a", FOO)
    assert verify_note(parse_note(BY_FOO), [key]) == (key,)


def test_a_note_is_signed_as_go_signs_it() -> None:
    private = Ed25519PrivateKey.from_private_bytes(PETER_SEED)
    key = VerifierKey("PeterNeumann", private.public_key().public_bytes_raw())

    assert str(key) == PETER
    assert str(sign_note(TEXT, [(key, private.sign)])) == f"{TEXT}\n{BY_PETER}"


def test_signatures_by_unknown_keys_are_ignored() -> None:
    note = parse_note(f"{TEXT}\n{BY_PETER}{BY_ENOCH}")
    peter, enoch = parse_vkey(PETER), parse_vkey(ENOCH)

    assert note.text == TEXT
    assert verify_note(note, [peter]) == (peter,)
    assert verify_note(note, [enoch, peter]) == (peter, enoch)
    assert verify_note(note, [peter, parse_vkey(FOO), peter]) == (peter,)
    assert reason_of(str(note)) == "unsigned"
    assert reason_of(str(note), parse_vkey(FOO)) == "unsigned"
    found = note.by(enoch)
    assert found is not None
    assert str(found) == BY_ENOCH
    assert note.by(parse_vkey(FOO)) is None


def test_a_wrong_signature_by_a_known_key_refuses_the_note() -> None:
    peter, enoch = parse_vkey(PETER), parse_vkey(ENOCH)

    assert reason_of(f"{TEXT}\n{changed(BY_PETER)}", peter) == "signature"
    assert reason_of(f"{TEXT}\n{BY_ENOCH}{changed(BY_PETER)}", peter, enoch) == "signature"
    assert reason_of(f"{TEXT.upper()}\n{BY_PETER}", peter) == "signature"
    verified = verify_note(parse_note(f"{TEXT}\n{BY_PETER}{BY_PETER}{BY_ENOCH}{changed(BY_ENOCH)}"), [peter])
    assert verified == (peter,)


def test_two_keys_of_one_name_and_id_are_ambiguous() -> None:
    class Same(VerifierKey):
        key_id = parse_vkey(PETER).key_id

    twin = Same("PeterNeumann", bytes(32))

    assert reason_of(f"{TEXT}\n{BY_PETER}", parse_vkey(PETER), twin) == "ambiguous"
    assert verify_note(parse_note(f"{TEXT}\n{BY_ENOCH}"), [parse_vkey(ENOCH), parse_vkey(PETER), twin])


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n{BY_PETER[:-1]}",
        f"\x01{TEXT}\n{BY_PETER}",
        b"\xff" + f"{TEXT}\n{BY_PETER}".encode(),
        f"\ud800{TEXT}\n{BY_PETER}",
        f"{TEXT}\n{BY_PETER.replace('PeterNeumann', 'Bad Name')}",
        f"{TEXT}\n{BY_PETER.replace('PeterNeumann', 'Bad+Name')}",
        f"{TEXT}\n{BY_PETER.replace('PeterNeumann ', '')}",
        f"{TEXT}\n{BY_PETER}Unexpected line.\n",
        f"{TEXT}\n{BY_PETER}\n",
        f"{TEXT}\n{BY_PETER.replace('— ', '- ')}",
        f"{TEXT}\n{BY_PETER.replace('=', '')}",
        f"{TEXT}\n{BY_PETER.replace('M=', 'N=')}",
        f"{TEXT}\n— PeterNeumann x08gow==\n",
        f"{TEXT}\r\n{BY_PETER}",
        f"{TEXT}\n{BY_PETER * (MOST_SIGNATURES + 1)}",
        "",
    ],
)
def test_what_is_no_signed_note_is_refused(note: str | bytes) -> None:
    assert reason_of(note, parse_vkey(PETER)) == "malformed"


@pytest.mark.parametrize("text", ["abc", "", "a\tb\n", "a\r\n"])
def test_a_text_that_no_note_can_have_is_not_signed(text: str) -> None:
    with pytest.raises(NoteRefused):
        sign_note(text, [])


def test_what_is_no_verifier_key_is_refused() -> None:
    manglings = {PETER[begin:end] for begin in range(len(PETER)) for end in range(begin, len(PETER) + 1)}
    manglings |= {f"{PETER[:at]}{chr(ord(PETER[at]) + 1)}{PETER[at + 1 :]}" for at in range(len(PETER))}
    manglings |= {
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        str(VerifierKey("Peter Neumann", bytes(32))),
    }
    for text in manglings - {PETER}:
        with pytest.raises(VerifierKeyRefused):
            parse_vkey(text)


def test_a_witness_signs_with_the_time() -> None:
    private = Ed25519PrivateKey.from_private_bytes(PETER_SEED)
    key = VerifierKey("witness.example", private.public_key().public_bytes_raw(), COSIGNATURE)
    assert parse_vkey(str(key)) == key
    note = sign_note(TEXT, [(key, lambda text: seen(private, text, 1_700_000_000))])

    assert verify_note(parse_note(str(note)), [key]) == (key,)
    assert cosigned_at(note.signatures[0].data) == 1_700_000_000
    signature = note.signatures[0].data
    assert not key.verifies(TEXT, (1_700_000_001).to_bytes(8, "big") + signature[8:])
    assert not key.verifies(TEXT, b"")
    assert not VerifierKey(key.name, key.public).verifies(TEXT, signature)


def seen(private: Ed25519PrivateKey, text: bytes, seconds: int) -> bytes:
    return seconds.to_bytes(8, "big") + private.sign(cosigned(text.decode(), seconds))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n")), st.integers(1, 3))
def test_every_signed_note_is_read_back(text: str, count: int) -> None:
    signers = []
    for number in range(count):
        private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        signers.append((VerifierKey(f"key{number}", private.public_key().public_bytes_raw()), private.sign))
    note = sign_note(f"{text}\n", signers)

    assert parse_note(str(note)) == note == parse_note(str(note).encode())
    assert verify_note(note, [key for key, _ in signers]) == tuple(key for key, _ in signers)


@given(st.text() | st.text("— \n+=aA"))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        note = parse_note(f"a\n\n{text}")
    except NoteRefused:
        return
    assert isinstance(note, SignedNote)


def test_the_checkpoint_of_the_specification_is_read_and_written() -> None:
    note = parse_note(CHECKPOINT)
    head = parse_head(note.text)

    assert (head.origin, head.size, head.root.hex()[:8]) == (
        "example.com/behind-the-sofa",
        20_852_163,
        "0ac5186a",
    )
    assert head_text(head) == note.text
    assert parse_head(f"{note.text}an extension\n") == head
    empty = TreeHead("example.com/log", 0, bytes(32))
    assert parse_head(head_text(empty)) == empty


ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n1\n",
        f"a\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"a\n01\n{ROOT}\n",
        f"a\n-1\n{ROOT}\n",
        f"a\n1_0\n{ROOT}\n",
        f"a\n\uff11\n{ROOT}\n",
        f"a\n99999999999999999999\n{ROOT}\n",
        f"a\n1\n{ROOT[:-1]}\n",
        f"a\n1\n{ROOT.replace('2I=', '2J=')}\n",
        f"a\n1\n{ROOT[4:]}\n",
        f"a\n1\n{ROOT}\n\nmore\n",
    ],
)
def test_what_is_no_checkpoint_text_is_refused(text: str) -> None:
    with pytest.raises(CheckpointRefused):
        parse_head(text)
