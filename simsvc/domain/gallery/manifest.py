"""The manifest of an index build, and the build ID derived from it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, get_args

from simsvc.domain.gallery.near_duplicates import LabelledCopy, NearDuplicates
from simsvc.domain.gallery.stored_calibration import parsed
from simsvc.errors import BuildNotFound, IndexDamaged, IndexModelMismatch
from simsvc.values import Recall, SupportScale
from simsvc.values.site_calibration import SiteCalibration

LATER = ("support", "recall", "measured", "copies", "calibration", "partitions", "embeddings_sha256")
"""Fields that older manifests do not have."""
FORMAT = 1
"""Format version of the folder; others are refused."""
METRIC: Final = "angular"
"""Annoy's name for the distance sqrt(2 (1 - cosine)). Source: Annoy's README."""
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
BUILD_PATTERN = re.compile(r"b-[0-9a-f]{12}")
EngineName = Literal["onnx", "openvino", "torch"]
"""Inference engines for a build; "onnx" is ONNX Runtime."""

IndexEngine = Literal["annoy", "lance"]
"""Engines that search a build."""
TABLE: Final = "faces.lance"
"""Folder of a Lance build's vectors and their index."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """SHA-256 in lower-case hex and size of a file."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A photo that was skipped, and why."""

    reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """The faces of one source, and how many aligned photos were used whole because none was detected."""

    name: str
    faces: int
    whole_picture: int


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """The model whose embeddings were indexed; its engine is "onnx" (ONNX Runtime), "openvino" or "torch"."""

    version: str
    sha256: str
    engine: str
    crop_margin: float


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """Facts from reading the sources: the model, sources by name, and skipped photos by reference."""

    model: ModelSummary
    sources: tuple[SourceSummary, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class Partitions:
    """How a Lance build is searched: the nearest partitions by product quantization, then exactly.

    Attributes:
        count: number of partitions.
        sub_vectors: bytes of a quantized vector.
        probes: partitions that a search for the `K` nearest inspects.
        refine: candidates compared exactly, as a multiple of those wanted.
    """

    count: int
    sub_vectors: int
    probes: int
    refine: int

    def __post_init__(self) -> None:
        if min(self.count, self.sub_vectors, self.probes, self.refine) < 1 or self.probes > self.count:
            raise ValueError(f"{self} cannot be searched")


@dataclass(frozen=True, slots=True)
class Manifest:
    """manifest.json: everything that defines a build, without dates and paths.

    Attributes:
        build: id; "" until it is sealed.
        support: distances between its faces; None if not measured or too few.
        dims: D, length of an embedding.
        search_k: candidates per search.
        labels_sha256: SHA-256 of all face IDs and ages, in item order.
        libraries: versions of libraries that affect the bytes.
        files: fingerprints of all other files, by name.
        recall: share of the true nearest faces that a search finds, 0..1; None if not measured.
        measured: how recall was measured; None in earlier builds with fixed trees and search_k.
        copies: faces of the same photos; None if not looked for.
        calibration: site calibration; None in older builds.
        index_engine: what searches the build.
        partitions: of a Lance build; None if it compares every vector.
        embeddings_sha256: of a Lance build's float32 rows, in item order; an Annoy build's file has them.
    """

    name: str
    dims: int
    trees: int
    search_k: int
    seed: int
    count: int
    facts: BuildFacts
    labels_sha256: str
    libraries: dict[str, str]
    files: dict[str, Fingerprint]
    build: str = ""
    support: SupportScale | None = None
    recall: float | None = None
    measured: Recall | None = None
    copies: NearDuplicates | None = None
    calibration: SiteCalibration | None = None
    index_engine: IndexEngine = "annoy"
    partitions: Partitions | None = None
    embeddings_sha256: str | None = None

    @property
    def label(self) -> str:
        """Label of the build: name/build."""
        return f"{self.name}/{self.build}"

    @property
    def model(self) -> ModelSummary:
        """SHA-256 of the model."""
        return self.facts.model

    @property
    def sources(self) -> tuple[SourceSummary, ...]:
        """Sources, by name."""
        return self.facts.sources


def sealed(manifest: Manifest) -> Manifest:
    """Return the manifest with its build ID: "b-" and 12 hex digits of a SHA-256 of the rest.

    The files of a Lance table do not count, because Lance names them at random and writes times into them.
    What they are made of counts: embeddings, partitions, versions. The manifest has their fingerprints, and
    the log has its SHA-256.
    """
    files = {name: one for name, one in manifest.files.items() if not name.startswith(f"{TABLE}/")}
    document = _document(replace(manifest, build="", files=files))
    content = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return replace(manifest, build="b-" + hashlib.sha256(content.encode()).hexdigest()[:12])


def to_json(manifest: Manifest) -> str:
    """Return the text of manifest.json, the same for equal manifests."""
    return json.dumps(_document(manifest), indent=1, sort_keys=True) + "\n"


def manifest_sha256(manifest: Manifest) -> str:
    """Return the sha256 of manifest.json."""
    return hashlib.sha256(to_json(manifest).encode()).hexdigest()


def from_json(text: str) -> Manifest:
    """Read manifest.json.

    Raises:
        IndexDamaged: it is not a manifest of this format, or its ID does not match its content.
        IndexModelMismatch: its site calibration and faces come from different models.
    """
    try:
        manifest = _manifest(json.loads(text))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise IndexDamaged("manifest") from None
    _check_calibrated(manifest)
    if sealed(manifest).build != manifest.build:
        raise IndexDamaged("manifest_changed")
    return manifest


def _check_calibrated(manifest: Manifest) -> None:
    calibration = manifest.calibration
    if calibration is not None and calibration.model_sha256 != manifest.model.sha256:
        raise IndexModelMismatch("calibration")


def split_label(label: str) -> tuple[str, str]:
    """Split "name/build" into its two parts.

    Raises:
        BuildNotFound: the label is malformed.
    """
    name, _, build = label.partition("/")
    if not NAME_PATTERN.fullmatch(name) or not BUILD_PATTERN.fullmatch(build):
        raise BuildNotFound("unknown")
    return name, build


def _document(manifest: Manifest) -> dict[str, Any]:
    fields = asdict(manifest)
    for later in LATER:
        if fields[later] is None:
            del fields[later]  # keeps the IDs of older builds valid
    if manifest.index_engine == "annoy":
        del fields["index_engine"]
    return {"format": FORMAT, "metric": METRIC, **fields.pop("facts"), **fields}


def _manifest(document: dict[str, Any]) -> Manifest:
    fields = dict(document)
    if fields.pop("format") != FORMAT or fields.pop("metric") != METRIC:
        raise ValueError("another format")
    fields["facts"] = BuildFacts(
        ModelSummary(**fields.pop("model")),
        tuple(SourceSummary(**entry) for entry in fields.pop("sources")),
        tuple(Skipped(**entry) for entry in fields.pop("skipped")),
    )
    if "support" in fields:
        support = fields.pop("support")
        fields["support"] = SupportScale(support["k"], tuple(support["percentiles"]))
    fields["files"] = {name: Fingerprint(**entry) for name, entry in fields["files"].items()}
    if "measured" in fields:
        fields["measured"] = Recall(**fields.pop("measured"))
    if "copies" in fields:
        fields["copies"] = _copies(fields.pop("copies"))
    if "calibration" in fields:
        fields["calibration"] = parsed(fields.pop("calibration"))
    if "partitions" in fields:
        fields["partitions"] = Partitions(**fields.pop("partitions"))
    if fields.get("index_engine", "annoy") not in get_args(IndexEngine):
        raise ValueError("unknown engine")
    if "recall" in fields and not 0.0 <= fields["recall"] <= 1.0:
        raise ValueError("no share")
    manifest = Manifest(**fields)
    named = NAME_PATTERN.fullmatch(manifest.name) and BUILD_PATTERN.fullmatch(manifest.build)
    if not named or not all(map(_is_safe, manifest.files)):
        raise ValueError("unsafe names")
    return manifest


def _is_safe(name: str) -> bool:
    """Return whether a file lies in the build's folder, or below that of a Lance table."""
    folder, _, below = name.rpartition("/")
    inside = not folder or folder.partition("/")[0] == TABLE
    return inside and below != "" and not any(not part or part.startswith(".") for part in name.split("/"))


def _copies(document: dict[str, Any]) -> NearDuplicates:
    photos = document["contradictory"]
    contradictory = tuple(tuple(LabelledCopy(**entry) for entry in photo) for photo in photos)
    return NearDuplicates(document["photos"], document["faces"], contradictory)
