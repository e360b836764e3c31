"""Names of files: one form in which they are compared, and the ones that are never photos."""

from __future__ import annotations

import unicodedata
from typing import Literal

from simsvc.messages import N_

Unwanted = Literal["metadata", "thumbnail", "deleted", "sidecar"]
"""Why a file is no photo by its name: written by an operating system or a NAS for itself; a small copy that
one keeps of each photo; in a bin, or an earlier version; a photo's settings in a photo program."""

UNWANTED: dict[Unwanted, str] = {
    "metadata": N_("system file"),
    "thumbnail": N_("thumbnail kept by a NAS or a photo program"),
    "deleted": N_("in a recycle bin or snapshot"),
    "sidecar": N_("settings of a photo program"),
}
"""What people are told of each reason."""

_FOLDERS: dict[str, Unwanted] = {
    "__macosx": "metadata",
    ".appledouble": "metadata",
    ".spotlight-v100": "metadata",
    ".fseventsd": "metadata",
    ".documentrevisions-v100": "metadata",
    ".temporaryitems": "metadata",
    "system volume information": "metadata",
    "lost+found": "metadata",
    ".synologyworkingdirectory": "metadata",
    "@tmp": "metadata",
    ".@__comments": "metadata",
    ".@__qini": "metadata",
    ".stfolder": "metadata",
    "@eadir": "thumbnail",
    ".@__thumb": "thumbnail",
    ".thumbnails": "thumbnail",
    ".thumbs": "thumbnail",
    ".dtrash": "deleted",
    "#recycle": "deleted",
    "@recycle": "deleted",
    "@recently-snapshot": "deleted",
    "#snapshot": "deleted",
    ".snapshot": "deleted",
    ".snapshots": "deleted",
    "$recycle.bin": "deleted",
    "recycler": "deleted",
    ".trash": "deleted",
    ".trashes": "deleted",
    ".stversions": "deleted",
}
"""In lower case. Source: immich's documentation, "External Libraries", exclusion patterns; github/gitignore,
Global/macOS, Global/Windows and Global/Linux; freedesktop.org, Thumbnail and Trash specifications."""
_FILES: dict[str, Unwanted] = {
    ".ds_store": "metadata",
    ".localized": "metadata",
    ".volumeicon.icns": "metadata",
    "icon\r": "metadata",
    "desktop.ini": "metadata",
    ".directory": "metadata",
    ".nomedia": "metadata",
    "thumbs.db": "thumbnail",
    "thumbs.db:encryptable": "thumbnail",
    "ehthumbs.db": "thumbnail",
    "ehthumbs_vista.db": "thumbnail",
    "zbthumbnail.info": "thumbnail",
    ".picasa.ini": "sidecar",
    "picasa.ini": "sidecar",
}
"""In lower case. Source: as `_FOLDERS`; ExifTool's documentation, "Sidecar files" and "Picasa INI"."""
_BEGINNINGS: dict[str, Unwanted] = {
    "._": "metadata",
    ".trash-": "deleted",
    ".trashed-": "deleted",
    "synophoto_thumb_": "thumbnail",
    "synofile_thumb_": "thumbnail",
}
"""In lower case. Source: RFC 1740; freedesktop.org, Trash specification; Android, MediaStore."""
_ENDINGS: dict[str, Unwanted] = {
    ".xmp": "sidecar",
    ".aae": "sidecar",
    ".pp3": "sidecar",
    ".dop": "sidecar",
    ".thm": "thumbnail",
}
"""Source: Adobe, XMP specification, part 3; ExifTool, "Sidecar files" (.aae, .pp3, .dop); JEITA CP-3461
(.thm)."""


def canonical_name(text: str) -> str:
    """Return a file name, or a path, as it is compared: in Unicode's composed form (NFC), its case kept.

    macOS hands names out decomposed (NFD), tables are typed composed. Source: Unicode Standard Annex 15.
    """
    return unicodedata.normalize("NFC", text)


def canonical_path(text: str) -> str:
    """Return a relative path in canonical form, with "/" between its parts and without empty ones and "."."""
    parts = (part.strip() for part in canonical_name(text).replace("\\", "/").split("/"))
    return "/".join(part for part in parts if part not in {"", "."})


def last_part(path: str) -> str:
    """Return the last part of a path with separators of either kind."""
    return path.replace("\\", "/").rpartition("/")[2].strip()


def unwanted(path: str) -> Unwanted | None:
    """Say why a file is never a photo, by its name and the folders around it; None where it may be one.

    Args:
        path: relative to the folder or archive that was named: whoever names a folder means what lies in it.
    """
    *folders, name = canonical_name(path).replace("\\", "/").lower().split("/")
    return next(filter(None, (*map(_of_folder, folders), _of_file(name))), None)


def is_sidecar(path: str) -> bool:
    """Say whether a file holds a photo program's settings beside a photo, by its name."""
    return unwanted(path) == "sidecar"


def _of_folder(name: str) -> Unwanted | None:
    return _FOLDERS.get(name) or _by(name, _BEGINNINGS)


def _of_file(name: str) -> Unwanted | None:
    ending = name[name.rfind(".") :] if "." in name else ""
    return _FILES.get(name) or _by(name, _BEGINNINGS) or _ENDINGS.get(ending)


def _by(name: str, beginnings: dict[str, Unwanted]) -> Unwanted | None:
    return next((why for begin, why in beginnings.items() if name.startswith(begin)), None)
