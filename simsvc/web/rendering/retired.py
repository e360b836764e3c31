"""Index builds and models that are no longer there, as pages list them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from simsvc.domain.audit.service_periods import ServicePeriod, service_periods
from simsvc.store.records.retirement import Retired
from simsvc.values.events import COMMAND, actor_of
from simsvc.wiring.services import Services

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RetiredBuild:
    """An index build on record whose files are gone; `retired` is None if no retirement was logged."""

    label: str
    faces: int | None
    made_at: datetime | None
    periods: tuple[ServicePeriod, ...]
    put_in_by: str | None
    retired: Retired | None


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that was in service: by the SHA-256 of its model.json, with whether its files are kept."""

    sha256: str
    version: str
    periods: tuple[ServicePeriod, ...]
    kept: bool
    in_service: bool
    retired: Retired | None


def retired_builds(services: Services, existing: Sequence[str]) -> list[RetiredBuild]:
    """Return the builds that were made or in service, but are not among the existing ones, newest first.

    Raises:
        StoreError: the database cannot be read.
    """
    faces, made_at = services.builds.faces(), services.builds.made_at()
    switches = services.switches.latest()[::-1]
    periods = service_periods((switch.label, switch.switched_at) for switch in switches)
    switched_by = {
        switch.label: actor_of(switch.switched_by) if switch.switched_by else COMMAND for switch in switches
    }
    retired = services.keeping.retirements("index:")
    gone = [
        RetiredBuild(
            label,
            faces.get(label),
            made_at.get(label),
            periods.get(label, ()),
            switched_by.get(label),
            retired.get(label),
        )
        for label in {*faces, *periods, *retired} - set(existing)
    ]
    return sorted(gone, key=lambda build: (build.made_at or LONG_AGO, build.label), reverse=True)


def listed_models(services: Services, in_service_sha256: str) -> list[ListedModel]:
    """Return every model that was in service, the latest first.

    Raises:
        StoreError: the database cannot be read.
        BundleUnreadable: the folder of kept models cannot be read.
    """
    switches = services.model_switches.versions()[::-1]
    versions = {sha256: version for sha256, _, version, _ in switches}
    periods = service_periods((sha256, since) for sha256, _, _, since in switches)
    kept = {bundle.folder.name for bundle in services.models.kept()}
    retired = services.keeping.retirements("model:")
    listed = [
        ListedModel(
            sha256,
            versions[sha256],
            periods[sha256],
            sha256 in kept,
            sha256 == in_service_sha256,
            None if sha256 in kept else retired.get(sha256),
        )
        for sha256 in periods
    ]
    return sorted(listed, key=lambda model: model.periods[-1].since, reverse=True)
