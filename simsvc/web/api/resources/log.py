"""/api/v1/log: the audit log as a Merkle tree, for those who do not want to trust this service."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Any

from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from marshmallow.fields import Integer, List, Nested, String
from marshmallow.validate import Range

from simsvc.domain.audit.tree.tiles import WIDTH
from simsvc.domain.audit.tree.tlog_proof import proof_text
from simsvc.errors import ProofRefused
from simsvc.flows.audit.prove_log import prove_consistency, prove_inclusion, read_tile, signed_tree
from simsvc.web.api.common.blueprint import Resource, in_path
from simsvc.web.api.common.fields import Whole
from simsvc.web.api.common.schemas import SHA256, Strict, maybe, needed
from simsvc.web.http.current import services

resource = Resource(
    "log",
    __name__,
    "The audit log as a Merkle tree (RFC 9162): signed checkpoints, proofs and tiles in the formats of C2SP.",
)
NUMBER = re.compile(r"(?:x[0-9]{3}/){0,3}[0-9]{3}(?:\.p/(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]?))?")
"""Path of a tile. Source: https://c2sp.org/tlog-tiles"""
MOST_LEVEL = 63
SIZE = Range(1, 10**9)
HASH = "in base64."


class CheckpointOfSize(Strict):
    """Which checkpoint."""

    size = Whole(validate=SIZE, metadata={"description": "Size of its tree; the newest one if left out."})


class InclusionQuery(Strict):
    """Which event, in which tree."""

    seq = Whole(required=True, validate=SIZE, metadata={"description": "Sequence number of the event."})
    size = Whole(validate=SIZE, metadata={"description": "Size of a checkpoint; the newest one if left out."})


class ConsistencyQuery(Strict):
    """Which two trees."""

    old = Whole(required=True, validate=Range(0, 10**9), metadata={"description": "Size of the older tree."})
    new = Whole(validate=SIZE, metadata={"description": "Size of a checkpoint; the newest one if left out."})


class Key(Strict):
    """A public key that signs, or signed, the log."""

    vkey = needed(String, "Verifier key (c2sp.org/signed-note).")
    since_size = needed(Integer, "Size of the first checkpoint that it signed.")
    until_size = maybe(Integer, "Size of the last checkpoint that it signed; null while it is in use.")


class Keys(Strict):
    """The keys of the log. Keep them where nobody who can write the log can write."""

    items = needed(List, "Oldest first.", cls_or_instance=Nested(Key))


class InclusionProof(Strict):
    """The proof that an event is in the tree of a checkpoint."""

    seq = needed(Integer, "Sequence number of the event.")
    index = needed(Integer, "Index of its leaf, from 0.")
    event_sha256 = needed(String, "`sha256` of the event.", validate=SHA256)
    leaf_hash = needed(String, f"SHA-256 of a zero byte and the event's fields in canonical JSON, {HASH}")
    size = needed(Integer, "Size of the tree.")
    root_hash = needed(String, f"Root hash, {HASH}")
    hashes = needed(List, f"Inclusion proof (RFC 9162, 2.1.3), {HASH}", cls_or_instance=String())
    checkpoint = needed(String, "Signed checkpoint of that size (c2sp.org/tlog-checkpoint).")
    tlog_proof = needed(String, "All of it as one text (c2sp.org/tlog-proof).")


class ConsistencyProof(Strict):
    """The proof that one tree is the beginning of another."""

    old_size = needed(Integer, "Size of the older tree.")
    old_root_hash = needed(String, f"Its root hash, {HASH}")
    size = needed(Integer, "Size of the newer tree.")
    root_hash = needed(String, f"Its root hash, {HASH}")
    hashes = needed(List, f"Consistency proof (RFC 9162, 2.1.4), {HASH}", cls_or_instance=String())
    checkpoint = needed(String, "Signed checkpoint of the newer tree (c2sp.org/tlog-checkpoint).")


@resource.get("/log/checkpoint")
@resource.arguments(CheckpointOfSize, location="query")
@resource.response(200, {"type": "string"}, content_type="text/plain")
def checkpoint(query: dict[str, Any]) -> ResponseReturnValue:
    """Read a signed checkpoint: a note with origin, size and root hash (c2sp.org/tlog-checkpoint)."""
    found = signed_tree(services().log_tree, query.get("size"))
    return Response(found.note, mimetype="text/plain")


@resource.get("/log/keys")
@resource.response(200, Keys)
def keys() -> ResponseReturnValue:
    """List the public keys that signed the log."""
    found = services().log_tree.log_keys()
    items = [{"vkey": key.vkey, "since_size": key.since_size, "until_size": key.until_size} for key in found]
    return jsonify(items=items)


@resource.get("/log/inclusion")
@resource.arguments(InclusionQuery, location="query")
@resource.response(200, InclusionProof)
def inclusion(query: dict[str, Any]) -> ResponseReturnValue:
    """Prove that an event is in the tree of a checkpoint."""
    with services().log_tree.at_one_instant() as tree:
        proof = prove_inclusion(tree, query["seq"], query.get("size"))
    index, signed = proof.event.seq - 1, proof.checkpoint
    return jsonify(
        seq=proof.event.seq,
        index=index,
        event_sha256=proof.event.sha256,
        leaf_hash=_text(proof.leaf_hash),
        size=signed.size,
        root_hash=_text(signed.root),
        hashes=_texts(proof.hashes),
        checkpoint=signed.note,
        tlog_proof=proof_text(index, proof.hashes, signed.note),
    )


@resource.get("/log/consistency")
@resource.arguments(ConsistencyQuery, location="query")
@resource.response(200, ConsistencyProof)
def consistency(query: dict[str, Any]) -> ResponseReturnValue:
    """Prove that the tree of an older checkpoint is the beginning of that of a newer one."""
    with services().log_tree.at_one_instant() as tree:
        proof = prove_consistency(tree, query["old"], query.get("new"))
    signed = proof.checkpoint
    return jsonify(
        old_size=proof.old_size,
        old_root_hash=_text(proof.old_root),
        size=signed.size,
        root_hash=_text(signed.root),
        hashes=_texts(proof.hashes),
        checkpoint=signed.note,
    )


@resource.get(
    "/log/tile/<int:level>/<path:tile_path>",
    parameters=[
        {**in_path("level", ""), "schema": {"type": "integer", "minimum": 0, "maximum": MOST_LEVEL}},
        in_path("tile_path", f"^{NUMBER.pattern}$"),
    ],
)
@resource.response(200, {"type": "string", "format": "binary"}, content_type="application/octet-stream")
def tile(level: int, tile_path: str) -> ResponseReturnValue:
    """Read a tile of the tree: up to 256 hashes (c2sp.org/tlog-tiles), such as `0/x001/x234/067.p/8`."""
    if level > MOST_LEVEL or not NUMBER.fullmatch(tile_path):
        raise ProofRefused("no_tile")
    path, _, width = tile_path.partition(".p/")
    place = int(path.replace("/", "").replace("x", ""))
    with services().log_tree.at_one_instant() as tree:
        found = read_tile(tree, level, place, int(width or WIDTH))
    return Response(found, mimetype="application/octet-stream")


def _text(hashed: bytes) -> str:
    return base64.b64encode(hashed).decode()


def _texts(hashes: Iterable[bytes]) -> list[str]:
    return [_text(hashed) for hashed in hashes]
