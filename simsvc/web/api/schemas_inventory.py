"""What goes over the wire about models, index builds, fairness and drift, for the document and its tests."""

from __future__ import annotations

from marshmallow import fields

from simsvc.web.api.fields import Instant
from simsvc.web.api.schemas import SHA256, Strict, maybe, moment, needed


class Used(Strict):
    """How records used a model or a build."""

    estimates = needed(fields.Integer, "Records that name it.")
    first_estimate_at = moment("When the first was recorded, UTC.", null=True)
    last_estimate_at = moment("When the latest was recorded, UTC.", null=True)


class ModelSummary(Used):
    """A model in service or on record."""

    version = needed(fields.String, "Short name.")
    sha256 = needed(fields.String, "Of the weights.", validate=SHA256)
    in_service = needed(fields.Boolean, "Whether it answers now.")


class Models(Strict):
    """The inventory of models."""

    items = needed(fields.List, "The one in service first.", cls_or_instance=fields.Nested(ModelSummary))


class Model(ModelSummary):
    """A model with what it is made of; what is known only of the one in service is null for others."""

    files = maybe(
        fields.Dict, "Name of each file to its sha256 and bytes.", keys=fields.String(), values=fields.Dict()
    )
    training = maybe(fields.Dict, "Summary of the data and the run.")
    metrics = maybe(fields.Dict, "Figures of the validation part, by part.")
    calibration = maybe(fields.Dict, "Of the range.")
    card = maybe(fields.Dict, "The whole model card.")


class InService(Strict):
    """A time in service."""

    since = moment("From, UTC.")
    until = moment("Until; null where it is in service still.", null=True)


class BuildSummary(Used):
    """An index build on disk or on record."""

    label = needed(fields.String, "name/build.")
    in_service = needed(fields.Boolean, "Whether it answers now.")
    on_disk = needed(fields.Boolean, "Whether its files are still there.")
    made_at = moment("When it was put on record, UTC.", null=True)
    faces = maybe(fields.Integer, "How many it holds.")
    sources = needed(fields.List, "Data sets that its faces came from.", cls_or_instance=fields.String())
    model_sha256 = maybe(fields.String, "Of the model that it fits.")
    manifest_sha256 = maybe(fields.String, "Of its manifest, which vouches for every file.")
    in_service_times = needed(fields.List, "Oldest first.", cls_or_instance=fields.Nested(InService))


class Builds(Strict):
    """The inventory of index builds."""

    items = needed(fields.List, "The one in service first.", cls_or_instance=fields.Nested(BuildSummary))


class Recall(Strict):
    """How many of the true nearest faces the index finds."""

    k = needed(fields.Integer, "Nearest faces asked for.")
    queries = needed(fields.Integer, "Faces of the build asked about, and as many vectors beside them.")
    share = needed(fields.Float, "Share found of the kind that is harder, 0 to 1.")


class NearDuplicates(Strict):
    """Photos of which the build holds more than one face; each has one vote."""

    photos = needed(fields.Integer, "How many there are.")
    faces = needed(fields.Integer, "Faces beyond one of each.")
    contradictory = needed(fields.Integer, "Photos without a vote: their labels contradict each other.")


class Build(BuildSummary):
    """An index build with what it is made of; null where its files are gone."""

    dims = maybe(fields.Integer, "Numbers of an embedding.")
    trees = maybe(fields.Integer, "Of the forest.")
    search_k = maybe(fields.Integer, "Candidates that a search inspects.")
    labels_sha256 = maybe(fields.String, "Of all face ids and ages.")
    faces_by_source = maybe(
        fields.Dict, "Faces of each source.", keys=fields.String(), values=fields.Integer()
    )
    skipped = maybe(fields.Integer, "Labelled photos that became no face.")
    files = maybe(
        fields.Dict, "Name of each file to its sha256 and bytes.", keys=fields.String(), values=fields.Dict()
    )
    near_duplicates = maybe(
        fields.Nested, "Null for a build in which they were not looked for.", nested=NearDuplicates
    )
    calibration = maybe(
        fields.Dict,
        "Site calibration: method, why there is none, faces, persons, curve, errors by cross-validation, and "
        "the same in words; null for a build made before there was one.",
    )
    recall = maybe(fields.Nested, "Measured on asking; null for a build of another model.", nested=Recall)


class Measured(Strict):
    """A figure with its 95% interval."""

    value = needed(fields.Float, "As measured.")
    low = maybe(fields.Float, "Lower end.")
    high = maybe(fields.Float, "Upper end.")


class Group(Strict):
    """How the model does on a part of the faces."""

    part = needed(fields.String, "Such as age 20-29, group asian, gender female.")
    faces = needed(fields.Integer, "How many were measured.")
    mae_years = maybe(fields.Nested, "Mean absolute error.", nested=Measured)
    bias_years = maybe(fields.Nested, "Mean of estimate less label.", nested=Measured)
    cs5 = maybe(fields.Nested, "Share at most five years off.", nested=Measured)
    coverage = maybe(fields.Nested, "Share inside the range.", nested=Measured)


class Fairness(Strict):
    """Error by group of the model in service."""

    model = needed(fields.String, "Version.")
    model_sha256 = needed(fields.String, "Of its weights.", validate=SHA256)
    measured_on = needed(fields.String, "Which faces.")
    groups = needed(fields.List, "All faces first.", cls_or_instance=fields.Nested(Group))
    compared = needed(
        fields.List,
        "Groups held against each other, also with ages made alike.",
        cls_or_instance=fields.Dict(),
    )


class DriftQuery(Strict):
    """Two periods."""

    reference_since = Instant(required=True, metadata={"description": "First instant of the reference."})
    reference_before = Instant(required=True, metadata={"description": "First instant after it."})
    current_since = Instant(required=True, metadata={"description": "First instant of the period compared."})
    current_before = Instant(required=True, metadata={"description": "First instant after it."})


class PeriodCount(Strict):
    """A period, and how much is on record of it."""

    since = moment("First instant.")
    before = moment("First instant after it.")
    estimates = needed(fields.Integer, "Records, at most the newest 100,000.")
    refused = needed(fields.Integer, "Of these, refused.")


class Share(Strict):
    """One bin or outcome."""

    name = needed(fields.String, "Of the bin in years, or of the outcome.")
    reference = needed(fields.Float, "Its share of the reference.")
    current = needed(fields.Float, "Its share of the period compared.")


class Stability(Strict):
    """Population stability index."""

    psi = needed(fields.Float, "0 where nothing changed.")
    critical = needed(fields.Float, "Exceeded in 5 of 100 cases although nothing changed.")
    shares = needed(fields.List, "By bin.", cls_or_instance=fields.Nested(Share))


class EmbeddingDrift(Strict):
    """Energy distance between embeddings."""

    model_sha256 = needed(fields.String, "Whose embeddings.", validate=SHA256)
    reference = needed(fields.Integer, "Embeddings of the reference, at most 500.")
    current = needed(fields.Integer, "Embeddings of the period compared, at most 500.")
    energy_distance = needed(fields.Float, "0 where they are distributed alike.")
    p_value = needed(fields.Float, "Of a permutation test.")


class Drift(Strict):
    """How far two periods differ; what has fewer than 20 values in a period is null."""

    reference = needed(fields.Nested, "The reference.", nested=PeriodCount)
    current = needed(fields.Nested, "The period compared.", nested=PeriodCount)
    ages = maybe(fields.Nested, "Of the estimates.", nested=Stability)
    outcomes = maybe(fields.Nested, "Estimated, withheld, refused by code.", nested=Stability)
    embeddings = maybe(fields.Nested, "Of the commonest model of the period compared.", nested=EmbeddingDrift)
