"""The measured figures that costs are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Measured:
    """What the two files say; None, or an empty table by faces, where they say nothing.

    Attributes:
        machine: that it was measured on.
        request_cpu_ms: processor time of a worker for one request over HTTP under load.
        worker_mb: resident memory of a worker after minutes of load.
        recorded_ms: by how much an answer on record takes longer than one in memory.
        record_kb: what a record adds to SQLite's file.
        bulk_a_second: photos a second of `flask estimate --out`, on record, by `cores`.
        build_a_second: faces a second of an index build before what follows the last photo, by `cores`.
        thumbnail_kb: what a face of a build takes, embeddings apart.
        cores: of the machine.
        finish_s: by faces: what follows the last photo of a build.
        folder_mb: by faces: a build's size without thumbnails.
        mapped_mb: by faces: what workers share of it in memory.
        private_mb: by faces: what each worker has of it to itself.
        peak_mb: by faces: the most memory of a build.
        search_ms: by faces: a search of as many neighbours as an answer needs.
    """

    machine: str = "a machine that is not told"
    request_cpu_ms: float | None = None
    worker_mb: float | None = None
    recorded_ms: float | None = None
    record_kb: float | None = None
    bulk_a_second: float | None = None
    build_a_second: float | None = None
    thumbnail_kb: float | None = None
    cores: float = 2.0
    finish_s: Mapping[int, float] = field(default_factory=dict)
    folder_mb: Mapping[int, float] = field(default_factory=dict)
    mapped_mb: Mapping[int, float] = field(default_factory=dict)
    private_mb: Mapping[int, float] = field(default_factory=dict)
    peak_mb: Mapping[int, float] = field(default_factory=dict)
    search_ms: Mapping[int, float] = field(default_factory=dict)


NEEDED = {
    "request_cpu_ms": "processor time of a request (`server`, `32 clients, sustained`)",
    "worker_mb": "memory of a worker (`server`, `memory of a worker`)",
    "recorded_ms": "what a record takes (`640 px`, recorded less in memory)",
    "record_kb": "size of a record (`bulk`)",
    "bulk_a_second": "photos a second of `flask estimate --out` (`bulk`)",
    "build_a_second": "faces a second of a build (`bulk`)",
    "folder_mb": "size, memory and time of an index by faces (`make bench-index`)",
}
"""Attribute to what it is and where it is measured; without it some cells stay empty."""
