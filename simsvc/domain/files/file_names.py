"""Canonical file names, and names that are never photos."""

from __future__ import annotations

import unicodedata
from typing import Literal

from simsvc.messages import N_

Unwanted = Literal["metadata", "thumbnail", "deleted", "sidecar"]
"""Reasons to skip a file by its name: file of an operating system or NAS, thumbnail, file in a bin or
snapshot, or settings of a photo program."""

UNWANTED: dict[Unwanted, str] = {
    "metadata": N_("system file"),
    "thumbnail": N_("thumbnail made by a NAS or photo program"),
    "deleted": N_("in a recycle bin or snapshot folder"),
    "sidecar": N_("settings file of a photo program"),
}

_FOLDERS: dict[str, Unwanted] = {
    **dict.fromkeys(("__macosx", ".appledouble", ".spotlight-v100", ".fseventsd"), "metadata"),
    **dict.fromkeys((".documentrevisions-v100", ".temporaryitems"), "metadata"),
    **dict.fromkeys(("system volume information", "lost+found", ".synologyworkingdirectory"), "metadata"),
    **dict.fromkeys(("@tmp", ".@__comments", ".@__qini", ".stfolder"), "metadata"),
    **dict.fromkeys(("@eadir", ".@__thumb", ".thumbnails", ".thumbs"), "thumbnail"),
    **dict.fromkeys((".dtrash", "#recycle", "@recycle", "@recently-snapshot", "#snapshot"), "deleted"),
    **dict.fromkeys((".snapshot", ".snapshots", "$recycle.bin", "recycler", ".trash"), "deleted"),
    **dict.fromkeys((".trashes", ".stversions"), "deleted"),
}
"""In lower case. Source: immich's documentation, "External Libraries", exclusion patterns; github/gitignore,
Global/macOS, Global/Windows and Global/Linux; freedesktop.org, Thumbnail and Trash specifications."""
_FILES: dict[str, Unwanted] = {
    **dict.fromkeys((".ds_store", ".localized", ".volumeicon.icns", "icon\r", "desktop.ini"), "metadata"),
    **dict.fromkeys((".directory", ".nomedia"), "metadata"),
    **dict.fromkeys(("thumbs.db", "thumbs.db:encryptable", "ehthumbs.db"), "thumbnail"),
    **dict.fromkeys(("ehthumbs_vista.db", "zbthumbnail.info"), "thumbnail"),
    **dict.fromkeys((".picasa.ini", "picasa.ini"), "sidecar"),
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
"""Source: Adobe, XMP specification, part 3; ExifTool, "Sidecar files"; JEITA CP-3461 (.thm)."""


def canonical_name(text: str) -> str:
    """Return a file name or path in composed form (NFC), with its case.

    macOS gives decomposed names (NFD), tables usually have composed ones. Source: Unicode Standard Annex 15.
    """
    return unicodedata.normalize("NFC", text)


def canonical_path(text: str) -> str:
    """Return a relative path in canonical form, with "/" and without empty parts and "."."""
    parts = (part.strip() for part in canonical_name(text).replace("\\", "/").split("/"))
    return "/".join(part for part in parts if part not in {"", "."})


def last_part(path: str) -> str:
    """Return the last part of a path with either separator."""
    return path.replace("\\", "/").rpartition("/")[2].strip()


def unwanted(path: str) -> Unwanted | None:
    """Return why a file is never a photo by its path in a folder or archive, or None if it may be one."""
    *folders, name = canonical_name(path).replace("\\", "/").lower().split("/")
    return next(filter(None, (*map(_of_folder, folders), _of_file(name))), None)


def _of_folder(name: str) -> Unwanted | None:
    return _FOLDERS.get(name) or _by(name, _BEGINNINGS)


def _of_file(name: str) -> Unwanted | None:
    ending = name[name.rfind(".") :] if "." in name else ""
    return _FILES.get(name) or _by(name, _BEGINNINGS) or _ENDINGS.get(ending)


def _by(name: str, beginnings: dict[str, Unwanted]) -> Unwanted | None:
    return next((why for begin, why in beginnings.items() if name.startswith(begin)), None)
