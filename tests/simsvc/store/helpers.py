"""Estimates and a build with every field set, and what only the owner of a database can do to it."""

from __future__ import annotations

import numpy as np
from sqlalchemy import text

from simsvc.domain.gallery.manifest import BuildFacts, Manifest, ModelSummary, SourceSummary, sealed
from simsvc.errors import NotAnImage
from simsvc.messages import Message
from simsvc.store.database import Database
from simsvc.values import Crop, Estimate, Evidence, LabelledFace, Neighbour, Quality

PIXELS = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
ESTIMATED = Estimate(
    photo_name="Zoë.heic",
    photo_sha256="ab" * 32,
    status="estimated",
    sentence=Message("Of the %(count)s labelled faces ...", {"count": 2}),
    age_years=37.123456789,
    interval_years=(30.5, 45.000000001),
    coverage=0.9,
    evidence=Evidence(37.9, 1, 2),
    support=0.42,
    refer_reason=Message("The face is blurred."),
    quality=Quality(31.5, 120.25, 0.01, 0.0, 212.0, -0.05, 3.5, 0.5),
    neighbours=(Neighbour("f2", 36.0, 0.1), Neighbour("f1", 41.5, 0.30000000000000004)),
    flags=("other_faces_behind",),
    model="tiny-0",
    model_sha256="cd" * 32,
    index="demo/b-0123456789ab",
    ms={"decode": 1.5, "total": 2.25},
    crop=Crop(PIXELS),
    asked_by="0" * 32,
)
REFUSED = Estimate("x.pdf", "ef" * 32, "refused", code="not_an_image", sentence=NotAnImage().message)
BUILD = sealed(
    Manifest(
        name="demo",
        dims=16,
        trees=50,
        search_k=100,
        seed=1,
        count=2,
        facts=BuildFacts(ModelSummary("tiny-0", "aa" * 32, "onnx", 1.1), (SourceSummary("demo", 2, 0),), ()),
        labels_sha256="cc" * 32,
        libraries={},
        files={},
    )
)
FACES = [LabelledFace("f1", 30.0, "demo", "a.jpg"), LabelledFace("f2", 40.0, "demo", "b.jpg")]


def tamper(database: Database, *statements: str, **values: object) -> None:
    """Do what only the database's owner can: drop the guards, then change what is stored."""
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            for table in ("events", "event_contents", "decisions"):
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        else:
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
            for (name,) in names:
                connection.execute(text(f"DROP TRIGGER {name}"))
        for statement in statements:
            connection.execute(text(statement), values)
