"""/gallery: all reference faces."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from simsvc.web.http.current import page_number, services

blueprint = Blueprint("gallery", __name__)

DEMO = "demo"
FACES_A_PAGE = 60
"""Ten rows on a laptop; some 300 kB of thumbnails."""


@blueprint.get("/gallery")
def show() -> ResponseReturnValue:
    """Describe the reference faces in service and list them by age."""
    index = services().pipeline().index()
    gallery, page = services().gallery(index.label), page_number()
    shown = gallery.by_age((page - 1) * FACES_A_PAGE, FACES_A_PAGE)
    pages = max(1, -(-shown.count // FACES_A_PAGE))
    if page > pages:
        page, shown = pages, gallery.by_age((pages - 1) * FACES_A_PAGE, FACES_A_PAGE)
    return render_template(
        "gallery.html",
        label=index.label,
        count=shown.count,
        sources=shown.sources,
        only_composites=shown.sources == (DEMO,),
        faces=[(face, gallery.is_pictured(face.face_id)) for face in shown.faces],
        page=page,
        pages=pages,
    )
