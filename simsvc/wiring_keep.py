"""What keeps, changes and erases: services of commands and pages that most requests never need."""

from __future__ import annotations

from simsvc.engines.gallery import Gallery
from simsvc.errors import IndexMissing
from simsvc.flows.live_faces import LiveFaces
from simsvc.store.faces import FaceStore
from simsvc.wiring import IndexServices, open_database


def live_faces(services: IndexServices) -> LiveFaces:
    """Return what changes labelled faces without a build.

    Raises:
        BundleError: the model cannot be used.
    """
    shelf = services.shelf

    def label() -> str:
        current = shelf.current()
        if current is None:
            raise IndexMissing("There is no index yet. Build one: `flask index build`.")
        return services.switcher.fitting(current).label

    def known() -> frozenset[str]:
        gallery: Gallery = shelf.gallery(label())
        return frozenset(face.face_id for face in gallery.faces)

    book = FaceStore(open_database(services.settings))
    return LiveFaces(label, known, shelf.journal, book, services.detector, services.model())
