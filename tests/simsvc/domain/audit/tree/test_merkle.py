from __future__ import annotations

import hashlib
from base64 import b64decode
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.audit.tree.merkle import (
    EMPTY_ROOT,
    Frontier,
    Hashes,
    consistency_holds,
    consistency_proof,
    in_memory,
    inclusion_holds,
    inclusion_proof,
    leaf_hash,
    node_hash,
    parents,
    root_of,
    tree_root,
)

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""The tree that certificate-transparency-go and transparency-dev/merkle test with."""
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
INCLUSION = {
    (0, 8): (
        "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
        "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
        "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
    ),
    (2, 3): ("+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",),
}
CONSISTENCY = {
    (1, 8): INCLUSION[0, 8],
    (2, 5): (
        "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
        "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
    ),
    (6, 8): (
        "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=",
        "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
        "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
    ),
}
MANY = [leaf_hash(b"leaf %d" % number) for number in range(1_000)]


@pytest.fixture(scope="module")
def hashes() -> Hashes:
    return in_memory([leaf_hash(leaf) for leaf in LEAVES])


@cache
def mth(begin: int, end: int) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    count = end - begin
    if count == 1:
        return MANY[begin]
    k = next(k for k in (1 << bit for bit in range(10, -1, -1)) if k < count)
    return hashlib.sha256(b"\x01" + mth(begin, begin + k) + mth(begin + k, end)).digest()


def path(m: int, begin: int, end: int) -> list[bytes]:
    """RFC 9162, section 2.1.3.1, word for word."""
    count = end - begin
    if count == 1:
        return []
    k = next(k for k in (1 << bit for bit in range(10, -1, -1)) if k < count)
    if m < k:
        return [*path(m, begin, begin + k), mth(begin + k, end)]
    return [*path(m - k, begin + k, end), mth(begin, begin + k)]


def subproof(m: int, begin: int, end: int, known: bool) -> list[bytes]:
    """RFC 9162, section 2.1.4.1, word for word."""
    count = end - begin
    if m == count:
        return [] if known else [mth(begin, end)]
    k = next(k for k in (1 << bit for bit in range(10, -1, -1)) if k < count)
    if m <= k:
        return [*subproof(m, begin, begin + k, known), mth(begin + k, end)]
    return [*subproof(m - k, begin + k, end, False), mth(begin, begin + k)]


def decoded(proof: tuple[str, ...]) -> list[bytes]:
    return [b64decode(hashed) for hashed in proof]


def test_roots_are_those_that_certificate_transparency_tests_with(hashes: Hashes) -> None:
    leaf_hashes = [leaf_hash(leaf) for leaf in LEAVES]

    for size, root in enumerate(ROOTS):
        assert root_of(leaf_hashes[:size]).hex() == root
        assert tree_root(size, hashes).hex() == root
    assert EMPTY_ROOT.hex() == ROOTS[0]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_those_that_certificate_transparency_tests_with(
    index: int, size: int, hashes: Hashes
) -> None:
    proof = decoded(INCLUSION[index, size])

    assert inclusion_proof(index, size, hashes) == proof
    assert inclusion_holds(index, size, leaf_hash(LEAVES[index]), proof, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency_proofs_are_those_that_certificate_transparency_tests_with(
    old: int, new: int, hashes: Hashes
) -> None:
    proof = decoded(CONSISTENCY[old, new])

    assert consistency_proof(old, new, hashes) == proof
    assert consistency_holds(old, new, proof, bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[new]))


def test_trees_of_one_to_a_thousand_leaves_are_those_of_the_rfc() -> None:
    hashes, frontier = in_memory(MANY), Frontier()

    for size in range(1, 1_001):
        frontier.append(MANY[size - 1])
        root = mth(0, size)
        assert frontier.root() == tree_root(size, hashes) == root
        for index in {0, size // 3, size // 2, size - 1}:
            proof = inclusion_proof(index, size, hashes)
            assert proof == path(index, 0, size)
            assert inclusion_holds(index, size, MANY[index], proof, root)
        for old in {1, size // 3 or 1, size // 2 or 1, size}:
            proof = consistency_proof(old, size, hashes)
            assert proof == subproof(old, 0, size, True)
            assert consistency_holds(old, size, proof, mth(0, old), root)


def test_trees_of_one_to_a_thousand_leaves_are_those_of_pymerkle() -> None:
    pymerkle = pytest.importorskip("pymerkle")
    hashes, tree = in_memory(MANY), pymerkle.InmemoryTree(algorithm="sha256")

    for size in range(1, 1_001):
        tree.append_entry(b"leaf %d" % (size - 1))
        assert tree.get_root(size) == tree_root(size, hashes)
        index, old = (size * 7) % size, (size + 1) // 2
        theirs = tree.prove_inclusion(index + 1, size)
        ours = inclusion_proof(index, size, hashes)
        assert [bytes.fromhex(hashed) for hashed in theirs.serialize()["path"]][1:] == ours
        pymerkle.verify_inclusion(tree.get_leaf(index + 1), tree.get_root(size), theirs)
        consistent = tree.prove_consistency(old, size)
        assert consistency_holds(
            old, size, consistency_proof(old, size, hashes), tree.get_root(old), tree.get_root(size)
        )
        pymerkle.verify_consistency(tree.get_root(old), tree.get_root(size), consistent)


def test_a_frontier_continues_another_tree() -> None:
    hashes = in_memory(MANY)
    for size in (0, 1, 255, 256, 257, 999):
        frontier = Frontier(size, hashes)
        assert frontier.root() == tree_root(size, hashes)
        frontier.append(MANY[size])
        assert (frontier.size, frontier.root()) == (size + 1, tree_root(size + 1, hashes))


def test_a_proof_reads_few_hashes() -> None:
    hashes, read = in_memory(MANY), 0

    def counted(level: int, first: int, count: int) -> list[bytes]:
        nonlocal read
        read += count
        return list(hashes(level, first, count))

    inclusion_proof(500, 1_000, counted)
    consistency_proof(499, 1_000, counted)

    assert read < 40


def test_parents_leave_out_a_last_hash_without_a_partner() -> None:
    assert parents(MANY[:3]) == [node_hash(MANY[0], MANY[1])]


@given(size=st.integers(1, 130), data=st.data())
def test_a_changed_inclusion_proof_does_not_hold(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    hashes = in_memory(MANY[:size])
    proof, root = inclusion_proof(index, size, hashes), tree_root(size, hashes)
    other = data.draw(st.integers(0, size + 2).filter(lambda found: found != index))

    assert not inclusion_holds(index, size, MANY[size], proof, root)
    assert not inclusion_holds(index, size, MANY[index], [*proof, root], root)
    assert not inclusion_holds(index, size, MANY[index], proof, MANY[0] if size > 1 else MANY[1])
    assert not inclusion_holds(other, size, MANY[index], proof, root)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        changed = [*proof[:place], MANY[999], *proof[place + 1 :]]
        assert not inclusion_holds(index, size, MANY[index], changed, root)
        assert not inclusion_holds(index, size, MANY[index], proof[:-1], root)
        assert not inclusion_holds(index, size, MANY[index], proof[1:], root)


@given(size=st.integers(1, 130), data=st.data())
def test_a_changed_consistency_proof_does_not_hold(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, size))
    hashes = in_memory(MANY[:size])
    proof, root, old_root = (
        consistency_proof(old, size, hashes),
        tree_root(size, hashes),
        tree_root(old, hashes),
    )

    assert consistency_holds(old, size, proof, old_root, root)
    assert not consistency_holds(old, size, [*proof, root], old_root, root)
    assert not consistency_holds(old, size, proof, MANY[998], root)
    assert not consistency_holds(old, size, proof, root, old_root) or old == size
    if old:
        assert not consistency_holds(old, size, proof, old_root, MANY[998])
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        changed = [*proof[:place], MANY[999], *proof[place + 1 :]]
        assert not consistency_holds(old, size, changed, old_root, root)
        assert not consistency_holds(old, size, proof[:-1], old_root, root)
        assert not consistency_holds(old, size, proof[1:], old_root, root)
        assert not consistency_holds(old, size, [], old_root, root)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        inclusion_proof(index, size, in_memory(MANY[:3]))
    assert not inclusion_holds(index, size, MANY[0], [], MANY[0])


@pytest.mark.parametrize(("old", "size"), [(-1, 3), (4, 3)])
def test_there_is_no_proof_that_a_larger_tree_is_the_beginning(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not the beginning"):
        consistency_proof(old, size, in_memory(MANY[:4]))
    assert not consistency_holds(old, size, [], MANY[0], MANY[0])


def test_a_proof_of_something_else_than_hashes_does_not_hold() -> None:
    left, right = MANY[:2]
    root = node_hash(left, right)

    assert inclusion_holds(0, 2, left, [right], root)
    assert not inclusion_holds(0, 2, left + right[:1], [right[1:]], root)
    assert not inclusion_holds(0, 1, b"", [], b"")
    assert consistency_holds(1, 2, [right], left, root)
    assert not consistency_holds(1, 2, [right[1:]], left + right[:1], root)
