"""/gallery: what the labelled faces are."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from simsvc.values import LabelledFace
from simsvc.web.current import services

blueprint = Blueprint("gallery", __name__)

DEMO = "demo"
SAMPLE = 24


@blueprint.get("/gallery")
def show() -> ResponseReturnValue:
    """Say what the labelled faces of the index in service are, and show a sample of composites."""
    index = services().corridor().index()
    faces = services().gallery(index.label).faces
    sources = sorted({face.source for face in faces})
    composites = [face for face in faces if face.source == DEMO]
    return render_template(
        "gallery.html",
        label=index.label,
        count=index.count,
        sources=sources,
        only_composites=sources == [DEMO],
        sample=spread_over_ages(composites, SAMPLE),
    )


def spread_over_ages(faces: Sequence[LabelledFace], count: int) -> list[LabelledFace]:
    """Return up to `count` faces, spread evenly over the ages there are, youngest first."""
    by_age = sorted(faces, key=lambda face: (face.age_years, face.face_id))
    count = min(count, len(by_age))
    return [by_age[(2 * place + 1) * len(by_age) // (2 * count)] for place in range(count)]
