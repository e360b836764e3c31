"""Which parts of an installation on several hosts this version of simsvc has."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.cli.index import index_group
from simsvc.settings import Settings
from simsvc.store.tables import Table


@dataclass(frozen=True)
class Features:
    """What is there.

    Attributes:
        leases: batch workers on several hosts share the photos.
        objects: builds, models and waiting photos lie in an object store; else in a folder that all share.
        truth: pointer, face changes and locks are in the database; else in a folder that all share.
        ray: Ray builds indexes.
    """

    leases: bool
    objects: bool
    truth: bool
    ray: bool


def find_features() -> Features:
    """Look at settings, tables and commands."""
    tables = Table.metadata.tables
    objects = "objects" in Settings.model_fields
    truth = "served_pointer" in tables
    ray = any("--ray" in option.opts for option in index_group.commands["build"].params)
    return Features("leased_by" in tables["batch_photos"].c, objects and truth, truth, ray)
