"""Two hosts: other folders, the same database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from simsvc.adapters.photos.sources import read_source
from simsvc.settings import Settings
from simsvc.wiring.services import Services
from tests.small_site import build_index, make_small_site


@dataclass(frozen=True)
class Hosts:
    """Host A, on which `first` and then `second` were built, and host B, which has copies of both."""

    a: Services
    b: Services
    first: str
    second: str


@pytest.fixture
def hosts(tmp_path: Path, postgres_url: str) -> Iterator[Hosts]:
    """Give two hosts, each with its own folders."""
    settings = make_small_site(tmp_path / "a", 8, postgres_url).model_copy(update={"host_name": "a"})
    one = Services(settings)
    first = str(one.shelf.current())
    second = build_index(settings, read_source("demo", settings.gallery_dir), "more").label
    two = Services(moved(settings, tmp_path / "a", tmp_path / "b"))
    yield Hosts(one, two, first, second)
    for host in (one, two):
        host.database.close()


def moved(settings: Settings, place: Path, other: Path) -> Settings:
    """Copy a host's folders elsewhere, and return settings that name the copies."""
    shutil.copytree(place, other)
    paths = {
        name: other / value.relative_to(place)
        for name, value in settings
        if isinstance(value, Path) and value.is_relative_to(place)
    }
    return settings.model_copy(update={**paths, "host_name": other.name})
