"""Estimates with every field set."""

from __future__ import annotations

import numpy as np

from simsvc.errors import NotAnImage
from simsvc.messages import Message
from simsvc.values import Crop, Estimate, Evidence, Neighbour, Quality

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
