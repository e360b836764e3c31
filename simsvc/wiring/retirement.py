"""Retire index builds and models."""

from __future__ import annotations

from simsvc.adapters.inference.bundle import load_document
from simsvc.errors import BundleError, ModelGone
from simsvc.flows.gallery.retire import Retirement, retire
from simsvc.store.records.retirement import KeepingStore
from simsvc.wiring.services import Services


def retire_build(services: Services, text: str, actor: str, *, force: bool) -> str:
    """Retire an index build and return its label.

    Raises:
        BuildNotFound: the build does not exist.
        RetireRefused: it is in service, or records refer to it.
    """
    shelf, keeping = services.shelf, KeepingStore(services.database)
    label = shelf.find(text)
    wanted = Retirement(
        f"The index build {label}",
        f"index:{label}",
        shelf.current() == label,
        keeping.made_with_build(label),
        lambda: shelf.set_aside(label),
        {"manifest_sha256": keeping.manifest_sha256(label)},
    )
    retire(wanted, keeping, actor, force=force)
    return label


def retire_model(services: Services, text: str, actor: str, *, force: bool) -> str:
    """Retire the kept model with this version or start of its model.json's SHA-256; return its version.

    Raises:
        ModelGone: no model or several match.
        RetireRefused: it is in service, or records refer to it.
    """
    keeping = KeepingStore(services.database)
    found = [
        bundle
        for bundle in services.models.kept()
        if text and (bundle.version == text or bundle.folder.name.startswith(text))
    ]
    if len(found) != 1:
        raise ModelGone("name")
    wanted = Retirement(
        f"The model {found[0].version}",
        f"model:{found[0].folder.name}",
        found[0].folder.name == _in_service(services),
        keeping.made_with_model(found[0].document_sha256, found[0].sha256),
        lambda: services.models.set_aside(found[0]),
        {"model_sha256": found[0].sha256, "version": found[0].version},
    )
    retire(wanted, keeping, actor, force=force)
    return found[0].version


def _in_service(services: Services) -> str | None:
    try:
        return load_document(services.settings.bundle_dir).document_sha256
    except BundleError:
        return None
