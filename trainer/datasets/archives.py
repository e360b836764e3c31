"""Published archives: where they lie, and on what terms. The only addresses that are ever fetched.

UTKFace is not among them: its authors hand it out through links that change and must be asked for by hand at
https://susanqq.github.io/UTKFace/.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.errors import SourceUnknown


@dataclass(frozen=True, slots=True)
class Archive:
    """One downloadable archive."""

    name: str  # of the source that reads it
    url: str
    file_name: str  # on disk
    size_note: str  # in words
    page: str  # where its publishers describe it
    terms: str
    sha256: str | None = None  # None where the publishers state none: the stated size is checked

    @property
    def notice(self) -> str:
        """Notice before downloading."""
        return f"{self.name}: {self.file_name}, {self.size_note}\n{self.page}\n\nTerms: {self.terms}\n"


_ETH = "https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/"
_ETH_TERMS = (
    "for academic research only. The photos were collected from the internet; their copyright stays with "
    "their owners, and a photo is removed when its owner asks for it. Cite Rothe, Timofte and Van Gool, "
    "IJCV 2018 and ICCVW 2015."
)

_ARCHIVES = (
    Archive(
        "appa-real",
        "https://data.chalearnlap.cvc.uab.cat/AppaRealAge/appa-real-release.zip",
        "appa-real-release.zip",
        "about 0.9 GB",
        "https://chalearnlap.cvc.uab.cat/dataset/26/description/",
        "for research only, see the page. Cite Agustsson, Timofte, Escalera, Baro, Guyon and Rothe, "
        "FG 2017, and Clapes et al., CVPRW 2018.",
    ),
    Archive("wiki", f"{_ETH}static/wiki_crop.tar", "wiki_crop.tar", "about 1 GB", _ETH, _ETH_TERMS),
    Archive("imdb", f"{_ETH}static/imdb_crop.tar", "imdb_crop.tar", "about 7 GB", _ETH, _ETH_TERMS),
)
ARCHIVES = {archive.name: archive for archive in _ARCHIVES}


def named(name: str) -> Archive:
    """Return the archive of that name.

    Raises:
        SourceUnknown: there is none.
    """
    if name in ARCHIVES:
        return ARCHIVES[name]
    hint = " Ask for UTKFace at https://susanqq.github.io/UTKFace/." if name == "utkface" else ""
    raise SourceUnknown(f"No archive is named '{name}'. Choose one of: {', '.join(ARCHIVES)}.{hint}")
