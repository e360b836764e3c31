from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from simsvc.domain.gallery.manifest import (
    BuildFacts,
    Fingerprint,
    Manifest,
    ModelSummary,
    Partitions,
    Skipped,
    SourceSummary,
    from_json,
    sealed,
    split_label,
    to_json,
)
from simsvc.errors import BuildNotFound, IndexDamaged
from simsvc.values import Recall, SupportScale

MANIFEST = Manifest(
    name="demo",
    dims=16,
    trees=50,
    search_k=10_000,
    seed=1,
    count=2,
    facts=BuildFacts(
        ModelSummary("tiny-0", "ab" * 32, "onnx", 1.1),
        (SourceSummary("demo", 2, 0),),
        (Skipped("x.png", "no_face"),),
    ),
    labels_sha256="cd" * 32,
    libraries={"annoy": "1.17.3"},
    files={"faces.annoy": Fingerprint("ef" * 32, 7)},
)


def test_reads_back_what_was_written() -> None:
    """A sealed manifest survives its text form unchanged."""
    manifest = sealed(MANIFEST)
    assert from_json(to_json(manifest)) == manifest


def test_a_manifest_before_engines_reads_as_annoy() -> None:
    """A manifest without an engine is Annoy's, and Annoy's names none: earlier builds keep their IDs."""
    document = json.loads(to_json(sealed(MANIFEST)))
    assert not {"index_engine", "partitions", "embeddings_sha256"} & set(document)
    assert from_json(json.dumps(document)).index_engine == "annoy"


def test_the_id_of_a_lance_build_is_that_of_what_its_table_was_made_of() -> None:
    """Lance's files have other names and bytes in each build; embeddings and partitions do not."""
    lance = replace(
        MANIFEST,
        index_engine="lance",
        partitions=Partitions(24, 16, 8, 5),
        embeddings_sha256="ab" * 32,
        files={
            "faces.lance/data/1.lance": Fingerprint("ef" * 32, 7),
            "faces.json": Fingerprint("ef" * 32, 7),
        },
    )
    first = sealed(lance).build
    assert from_json(to_json(sealed(lance))) == sealed(lance)
    table = {**lance.files, "faces.lance/data/1.lance": Fingerprint("00" * 32, 7)}
    assert first == sealed(replace(lance, files=table)).build
    others = [
        replace(lance, embeddings_sha256="cd" * 32),
        replace(lance, partitions=Partitions(24, 16, 16, 5)),
        replace(lance, files={**lance.files, "faces.json": Fingerprint("00" * 32, 7)}),
    ]
    assert len({first, *(sealed(other).build for other in others)}) == 4


def test_the_id_is_that_of_the_content() -> None:
    """Sealing is repeatable, and any other content gives another id."""
    first = sealed(MANIFEST).build
    assert first == sealed(sealed(MANIFEST)).build
    others = [
        replace(MANIFEST, seed=2),
        replace(MANIFEST, labels_sha256="00" * 32),
        replace(MANIFEST, libraries={"annoy": "1.17.4"}),
        replace(MANIFEST, files={"faces.annoy": Fingerprint("ef" * 32, 8)}),
        replace(MANIFEST, facts=replace(MANIFEST.facts, skipped=())),
    ]
    assert len({first, *(sealed(other).build for other in others)}) == 6


def test_the_order_of_a_table_does_not_matter() -> None:
    """Files and libraries named in another order give the same text, and so the same id."""
    one = replace(MANIFEST, libraries={"annoy": "1", "numpy": "2"})
    other = replace(MANIFEST, libraries={"numpy": "2", "annoy": "1"})
    assert to_json(sealed(one)) == to_json(sealed(other))


def test_refuses_a_manifest_changed_after_the_build() -> None:
    """A field changed by hand no longer gives the id that the manifest bears."""
    text = to_json(sealed(MANIFEST)).replace('"count": 2', '"count": 3')
    with pytest.raises(IndexDamaged, match="changed after the build"):
        from_json(text)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"metric": "euclidean"},
        {"name": "../demo"},
        {"build": "b-123"},
        {"files": {"../faces.annoy": {"sha256": "", "bytes": 0}}},
        {"files": {"faces.annoy": {"sha256": ""}}},
        {"files": {"faces.lance/../../x": {"sha256": "", "bytes": 0}}},
        {"files": {"other/faces.npy": {"sha256": "", "bytes": 0}}},
        {"index_engine": "pickle"},
        {"partitions": {"count": 1, "sub_vectors": 1, "probes": 2, "refine": 1}},
        {"sources": None},
        {"model": "tiny"},
        {"surplus": 1},
    ],
)
def test_refuses_a_document_of_another_shape(change: dict[str, Any]) -> None:
    """Another format, an unsafe name, a missing or a surplus field: a typed error, never another one."""
    document = {**json.loads(to_json(sealed(MANIFEST))), **change}
    with pytest.raises(IndexDamaged, match="is not valid"):
        from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '"manifest"', "\x00"])
def test_refuses_text_that_is_no_manifest(text: str) -> None:
    """Text that is no JSON object of this kind gives a typed error."""
    with pytest.raises(IndexDamaged):
        from_json(text)


def test_splits_a_label() -> None:
    """A label is name and build id."""
    assert split_label("demo/b-0123456789ab") == ("demo", "b-0123456789ab")


@pytest.mark.parametrize(
    "label",
    ["", "demo", "demo/", "/b-0123456789ab", "demo/b-0123456789AB", "../b-0123456789ab", "a/b-0123456789ab/c",
     "demo/b-0123456789ab\n", "demo/../../x"],
)  # fmt: skip
def test_refuses_a_label_that_could_be_a_path(label: str) -> None:
    """Whatever is not exactly name/build never reaches the file system."""
    with pytest.raises(BuildNotFound):
        split_label(label)


SUPPORT = SupportScale(10, tuple(n / 100 for n in range(101)))


def test_the_support_scale_is_part_of_the_build() -> None:
    """A scale is read back exactly, and the build's id depends on it."""
    manifest = sealed(replace(MANIFEST, support=SUPPORT))
    assert from_json(to_json(manifest)) == manifest
    assert manifest.build != sealed(MANIFEST).build


def test_a_manifest_of_before_support_still_opens() -> None:
    """A manifest without the entry has no scale, and keeps the id it was sealed with."""
    text = to_json(sealed(MANIFEST))
    assert "support" not in json.loads(text)
    assert from_json(text).support is None
    assert json.loads(text)["build"] == "b-e968baec9272"  # as the version before support sealed it


def test_how_recall_was_measured_is_part_of_the_build() -> None:
    """The shares are read back exactly and change the id; what is no share is damage."""
    manifest = sealed(replace(MANIFEST, recall=0.98, measured=Recall(10, 400, 0.99, 0.98)))
    assert from_json(to_json(manifest)) == manifest
    assert manifest.build != sealed(replace(MANIFEST, recall=0.98)).build
    with pytest.raises(IndexDamaged):
        from_json(to_json(manifest).replace("0.99", "1.99"))


def test_the_recall_is_part_of_the_build() -> None:
    """A recall is read back exactly; a manifest of before has none, and a share above one is damage."""
    manifest = sealed(replace(MANIFEST, recall=0.9987))
    assert from_json(to_json(manifest)) == manifest
    assert from_json(to_json(sealed(MANIFEST))).recall is None
    with pytest.raises(IndexDamaged):
        from_json(to_json(sealed(replace(MANIFEST, recall=1.2))))


@pytest.mark.parametrize(
    "support", [None, {}, {"k": 10}, {"k": 10, "percentiles": [0.1]}, {"k": 0, "percentiles": []}]
)
def test_a_scale_that_makes_no_sense_is_a_damaged_manifest(support: object) -> None:
    """Nonsense in place of the scale is refused, not ignored."""
    document = {**json.loads(to_json(sealed(MANIFEST))), "support": support}
    with pytest.raises(IndexDamaged):
        from_json(json.dumps(document))
