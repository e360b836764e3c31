"""/api/v1/indexes: inventory of index builds, past and present."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from simsvc.domain.estimate.corrected import build_sentence
from simsvc.domain.gallery.manifest import Manifest, manifest_sha256
from simsvc.domain.gallery.stored_calibration import document
from simsvc.errors import BuildNotFound, IndexUnusable
from simsvc.store.records.inventory import Service
from simsvc.store.tables import BuildRow
from simsvc.web.api.common.blueprint import Resource, in_path
from simsvc.web.api.common.schemas_inventory import Build, Builds
from simsvc.web.api.resources.models import used
from simsvc.web.http.current import services

resource = Resource("indexes", __name__, "The inventory of index builds.")
LABEL_IN_PATH = [in_path("index_name", "^[a-z0-9][a-z0-9_-]{0,39}$"), in_path("build_id", "^b-[0-9a-f]{12}$")]


@resource.get("/indexes")
@resource.response(200, Builds)
def list_all() -> ResponseReturnValue:
    """List every index build on disk or on record."""
    found = [_summary(label) for label in _labels()]
    return jsonify(items=sorted(found, key=lambda build: (not build["in_service"], build["label"])))


@resource.get("/indexes/<index_name>/<build_id>", parameters=LABEL_IN_PATH)
@resource.response(200, Build)
def show(index_name: str, build_id: str) -> ResponseReturnValue:
    """Read the details of an index build, including its recall."""
    label = f"{index_name}/{build_id}"
    if label not in _labels():
        raise BuildNotFound("not_listed")
    return jsonify({**_summary(label), **_made_of(label)})


def _labels() -> set[str]:
    return {
        *services().shelf.labels(),
        *services().inventory.recorded_builds(),
        *services().inventory.builds(),
    }


def _manifest(label: str) -> Manifest | None:
    try:
        return services().shelf.manifest(label)
    except IndexUnusable:
        return None


def _summary(label: str) -> dict[str, Any]:
    manifest, row = _manifest(label), services().inventory.recorded_builds().get(label)
    return {
        **used(services().inventory.builds().get(label)),
        "label": label,
        "in_service": services().current_build() == label,
        "on_disk": manifest is not None,
        "made_at": row.created_at.isoformat(timespec="milliseconds") if row else None,
        **_stated(manifest, row),
        "in_service_times": [_time(time) for time in services().inventory.services().get(label, [])],
    }


def _stated(manifest: Manifest | None, row: BuildRow | None) -> dict[str, Any]:
    """Return details from the manifest, or from the record if the manifest is gone."""
    if manifest is not None:
        return {
            "faces": manifest.count,
            "sources": [source.name for source in manifest.sources],
            "model_sha256": manifest.model.sha256,
            "manifest_sha256": manifest_sha256(manifest),
        }
    return {
        "faces": row.count if row else None,
        "sources": row.sources if row else [],
        "model_sha256": row.model_sha256 if row else None,
        "manifest_sha256": row.manifest_sha256 if row else None,
    }


def _made_of(label: str) -> dict[str, Any]:
    manifest = _manifest(label)
    if manifest is None:
        names = """dims index_engine trees search_k partitions labels_sha256 faces_by_source skipped files
            near_duplicates calibration recall"""
        return dict.fromkeys(names.split())
    measured, site, copies = services().recall(label), services().shelf.calibration(label), manifest.copies
    return {
        "dims": manifest.dims,
        "index_engine": manifest.index_engine,
        "trees": manifest.trees,
        "search_k": manifest.search_k,
        "partitions": manifest.partitions and asdict(manifest.partitions),
        "labels_sha256": manifest.labels_sha256,
        "faces_by_source": {source.name: source.faces for source in manifest.sources},
        "skipped": len(manifest.facts.skipped),
        "files": {name: asdict(fingerprint) for name, fingerprint in manifest.files.items()},
        "near_duplicates": copies
        and {"photos": copies.photos, "faces": copies.faces, "contradictory": len(copies.contradictory)},
        "calibration": site and {**document(site), "sentence": str(build_sentence(site))},
        "recall": measured and {"k": measured.k, "queries": measured.queries, "share": measured.share},
    }


def _time(time: Service) -> dict[str, str | None]:
    until = time.until.isoformat(timespec="milliseconds") if time.until else None
    return {"since": time.since.isoformat(timespec="milliseconds"), "until": until}
