"""Construct what is kept in the object store, or in local folders where there is none."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from simsvc.adapters.inference.model_store import MODELS, ModelStore
from simsvc.adapters.objects.fsspec_store import FsspecObjects, S3Access
from simsvc.adapters.objects.local import LocalObjects
from simsvc.adapters.objects.shared_folders import Kind, SharedFolders
from simsvc.adapters.photos.batch_spool import BatchSpool
from simsvc.adapters.photos.import_spool import ImportSpool
from simsvc.adapters.photos.object_imports import ObjectImports
from simsvc.adapters.photos.object_spool import ObjectSpool
from simsvc.ports import ObjectStore
from simsvc.settings import Settings


def open_objects(settings: Settings) -> ObjectStore | None:
    """Return the object store that the settings name, or None for folders of this machine; asks nothing."""
    url = settings.objects
    if not url:
        return None
    if url.startswith("file:"):
        return LocalObjects(Path(unquote(urlsplit(url).path)), url)
    access = S3Access(
        settings.objects_endpoint,
        settings.aws_region,
        settings.aws_access_key_id,
        settings.aws_secret_access_key,
        settings.aws_session_token,
    )
    return FsspecObjects(url, access)


def shared_folders(settings: Settings, objects: ObjectStore | None, kind: Kind) -> SharedFolders | None:
    """Return the folders of a kind in the object store, or None for folders of this machine."""
    if objects is None:
        return None
    return SharedFolders(objects, kind, settings.cache_dir, settings.cache_bytes)


def open_spool(settings: Settings, objects: ObjectStore | None) -> BatchSpool | ObjectSpool:
    """Return what keeps the waiting photos of batches."""
    if objects is None:
        return BatchSpool(settings.batch_dir / "waiting", settings.disk_reserve_bytes)
    return ObjectSpool(objects)


def open_imports(settings: Settings, objects: ObjectStore | None) -> ImportSpool:
    """Return what keeps uploaded reference photos."""
    if objects is None:
        return ImportSpool(settings.import_dir, settings.disk_reserve_bytes)
    return ObjectImports(settings.import_dir, objects)


def open_models(settings: Settings, objects: ObjectStore | None) -> ModelStore:
    """Return the models that were in service."""
    return ModelStore(settings.model_root, shared_folders(settings, objects, MODELS))
