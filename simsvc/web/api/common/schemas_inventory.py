"""Schemas of models, index builds, fairness and drift, for the API document and its tests."""

from __future__ import annotations

from marshmallow.fields import Boolean, Dict, Float, Integer, List, Nested, String

from simsvc.web.api.common.fields import Instant
from simsvc.web.api.common.schemas import SHA256, Strict, maybe, moment, needed


class Used(Strict):
    """How often records refer to a model or index build."""

    estimates = needed(Integer, "Number of records that refer to it.")
    first_estimate_at = moment("When the first one was recorded, UTC.", null=True)
    last_estimate_at = moment("When the latest one was recorded, UTC.", null=True)


class ModelSummary(Used):
    """A model in service or on record."""

    version = needed(String, "Version.")
    sha256 = needed(String, "SHA-256 of the weights.", validate=SHA256)
    in_service = needed(Boolean, "Whether it is in service.")


class Models(Strict):
    """The inventory of models."""

    items = needed(List, "The one in service first.", cls_or_instance=Nested(ModelSummary))


class Model(ModelSummary):
    """A model with its details; details known only for the model in service are null for others."""

    files = maybe(Dict, "File name to SHA-256 and size in bytes.", keys=String(), values=Dict())
    training = maybe(Dict, "Summary of the data and the run.")
    metrics = maybe(Dict, "Metrics on the validation split, by group.")
    calibration = maybe(Dict, "Calibration of the ranges.")
    card = maybe(Dict, "The whole model card.")


class InService(Strict):
    """A period in service."""

    since = moment("Start, UTC.")
    until = moment("End, UTC; null if it is still in service.", null=True)


class BuildSummary(Used):
    """An index build on disk or on record."""

    label = needed(String, "name/build.")
    in_service = needed(Boolean, "Whether it is in service.")
    on_disk = needed(Boolean, "Whether its files still exist.")
    made_at = moment("When it was recorded, UTC.", null=True)
    faces = maybe(Integer, "Number of reference faces.")
    sources = needed(List, "Data sets of its faces.", cls_or_instance=String())
    model_sha256 = maybe(String, "SHA-256 of the model it fits.")
    manifest_sha256 = maybe(String, "SHA-256 of its manifest, which lists the hash of every file.")
    in_service_times = needed(List, "Oldest first.", cls_or_instance=Nested(InService))


class Builds(Strict):
    """The inventory of index builds."""

    items = needed(List, "The one in service first.", cls_or_instance=Nested(BuildSummary))


class Recall(Strict):
    """Share of the true nearest faces that a search finds."""

    k = needed(Integer, "Number of nearest faces per query.")
    queries = needed(
        Integer, "Number of queries with faces in the build, and of queries with new vectors near them."
    )
    share = needed(Float, "Recall of the harder kind of query, 0 to 1.")


class NearDuplicates(Strict):
    """Photos of which the build holds more than one face; each has one vote."""

    photos = needed(Integer, "How many there are.")
    faces = needed(Integer, "Faces beyond one of each.")
    contradictory = needed(Integer, "Photos with conflicting labels, not used in comparisons.")


class Build(BuildSummary):
    """An index build with its details; null if its files no longer exist."""

    dims = maybe(Integer, "Dimensions of an embedding.")
    index_engine = maybe(String, "What searches the build: annoy or lance.")
    trees = maybe(Integer, "Number of trees; 0 for Lance.")
    search_k = maybe(Integer, "Number of candidates per search; 0 for Lance.")
    partitions = maybe(
        Dict,
        "How Lance searches: count, sub_vectors, probes, refine; null for Annoy, or if it compares all.",
        keys=String(),
        values=Integer(),
    )
    labels_sha256 = maybe(String, "SHA-256 of all face IDs and ages.")
    faces_by_source = maybe(Dict, "Number of faces by source.", keys=String(), values=Integer())
    skipped = maybe(Integer, "Photos that were skipped.")
    files = maybe(Dict, "File name to SHA-256 and size in bytes.", keys=String(), values=Dict())
    near_duplicates = maybe(
        Nested, "Near-duplicates; null if the build did not look for them.", nested=NearDuplicates
    )
    calibration = maybe(
        Dict,
        "Site calibration: method or why there is none, faces, persons, curve, cross-validated errors and a "
        "summary in words; null for builds made before it existed.",
    )
    recall = maybe(Nested, "Measured on request; null for builds of other models.", nested=Recall)


class Measured(Strict):
    """A figure with its 95% interval."""

    value = needed(Float, "Measured value.")
    low = maybe(Float, "Lower end.")
    high = maybe(Float, "Upper end.")


class Group(Strict):
    """Performance of the model on one group of faces."""

    part = needed(String, "For example age 20-29, group asian, gender female.")
    faces = needed(Integer, "Number of faces measured.")
    mae_years = maybe(Nested, "Mean absolute error.", nested=Measured)
    bias_years = maybe(Nested, "Mean of estimate minus known age.", nested=Measured)
    cs5 = maybe(Nested, "Share within five years of the known age.", nested=Measured)
    coverage = maybe(Nested, "Share whose known age is within the range.", nested=Measured)


class Fairness(Strict):
    """Performance of the model in service by group."""

    model = needed(String, "Version.")
    model_sha256 = needed(String, "SHA-256 of its weights.", validate=SHA256)
    measured_on = needed(String, "Faces it was measured on.")
    groups = needed(List, "All faces first.", cls_or_instance=Nested(Group))
    compared = needed(List, "Differences between groups, also adjusted for age.", cls_or_instance=Dict())


class DriftQuery(Strict):
    """Two periods."""

    reference_since = Instant(required=True, metadata={"description": "Start of the reference period."})
    reference_before = Instant(
        required=True, metadata={"description": "End of the reference period, exclusive."}
    )
    current_since = Instant(required=True, metadata={"description": "Start of the current period."})
    current_before = Instant(required=True, metadata={"description": "End of the current period, exclusive."})


class PeriodCount(Strict):
    """A period and its number of records."""

    since = moment("Start.")
    before = moment("End, exclusive.")
    estimates = needed(Integer, "Number of records, at most the newest 100,000.")
    refused = needed(Integer, "Number of these that were refused.")


class Share(Strict):
    """Shares of one bin or outcome."""

    name = needed(String, "Bin in years, or outcome.")
    reference = needed(Float, "Share in the reference period.")
    current = needed(Float, "Share in the current period.")


class Stability(Strict):
    """Population stability index."""

    psi = needed(Float, "Population stability index; 0 means no change.")
    critical = needed(Float, "Value exceeded in 5 of 100 cases without any change.")
    shares = needed(List, "Shares by bin.", cls_or_instance=Nested(Share))


class EmbeddingDrift(Strict):
    """Energy distance between embeddings."""

    model_sha256 = needed(String, "SHA-256 of the model that made the embeddings.", validate=SHA256)
    reference = needed(Integer, "Number of embeddings in the reference period, at most 500.")
    current = needed(Integer, "Number of embeddings in the current period, at most 500.")
    energy_distance = needed(Float, "Energy distance; 0 means equal distributions.")
    p_value = needed(Float, "P-value of a permutation test.")


class Drift(Strict):
    """Differences between two periods; null with fewer than 20 values in a period."""

    reference = needed(Nested, "The reference period.", nested=PeriodCount)
    current = needed(Nested, "The current period.", nested=PeriodCount)
    ages = maybe(Nested, "Stability of the estimated ages.", nested=Stability)
    outcomes = maybe(
        Nested, "Stability of the outcomes: estimated, withheld, or refused by code.", nested=Stability
    )
    embeddings = maybe(
        Nested,
        "Drift of the embeddings, for the most common model of the current period.",
        nested=EmbeddingDrift,
    )
