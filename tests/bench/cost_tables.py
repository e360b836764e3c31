"""The page of costs: tables computed from measured figures, and the formulas behind them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.bench import cost_model as cost
from tests.bench.cost_figures import NEEDED, Measured
from tests.bench.cost_words import ENDS, FORMULAS, HEAD

RATES = (1, 10, 100)
FACES = (100_000, 1_000_000, 10_000_000)
NOT_KNOWN = "-"
BULK = 100_000


def page(known: Measured) -> str:
    """Return docs/explanation/cost.md."""
    parts = [HEAD.format(machine=known.machine), *_missing(known), "## Requests", _requests(known)]
    parts += ["## Faces", _faces(known), "## Both together", _together(known)]
    parts += ["## Where one machine ends", _machines(known), *_ends(known), "## Formulas", FORMULAS]
    return "\n\n".join(parts) + "\n"


def _missing(known: Measured) -> list[str]:
    lacking = [what for name, what in NEEDED.items() if not getattr(known, name)]
    return [f"Not measured yet: {'; '.join(lacking)}."] if lacking else []


def _requests(known: Measured) -> str:
    heading = ("requests a second", "cores", "workers, GB", "SQLite's writer is busy", "disk a day, GB")
    rows = []
    for rate in RATES:
        cores = _when(lambda cpu, r=rate: cost.cores_for(r, cpu), known.request_cpu_ms)
        memory = _when(lambda n, mb: round(cost.memory_gb(int(n), mb, 0.0), 1), cores, known.worker_mb)
        writer = _when(lambda ms, r=rate: r * ms / 1_000, known.recorded_ms)
        disk = _when(lambda kb, r=rate: cost.disk_gb_a_day(r, kb), known.record_kb)
        rows.append((f"{rate:,}", _cell(cores), _cell(memory), _share(writer), _cell(disk)))
    return _table(heading, rows)


def _faces(known: Measured) -> str:
    heading = (
        "faces",
        "mapped once, MB",
        "each worker, MB",
        "disk, GB",
        "a search, ms",
        "build, hours",
        "memory of the build, GB",
    )
    rows = []
    for faces in FACES:
        built_s = _build_s(known, faces)
        peak_mb = _fit(cost.on_line, known.peak_mb, faces)
        rows.append(
            (
                f"{faces:,}",
                _cell(_fit(cost.on_line, known.mapped_mb, faces)),
                _cell(_fit(cost.on_line, known.private_mb, faces)),
                _cell(_disk_gb(known, faces)),
                _cell(_fit(cost.on_power, known.search_ms, faces)),
                _cell(_when(lambda s: s / 3_600, built_s)),
                _cell(_when(lambda mb: mb / 1_000, peak_mb)),
            )
        )
    return _table(heading, rows) + "\n\n" + _extrapolated(known)


def _extrapolated(known: Measured) -> str:
    sizes = sorted(known.folder_mb)
    if not sizes:
        return "No size of an index was measured."
    return (
        f"Measured at {', '.join(f'{size:,}' for size in sizes)} faces; other sizes lie on the line, times "
        "of searches and forests on the power, through the two largest of them."
    )


def _together(known: Measured) -> str:
    heading = ("requests a second", *(f"{faces:,} faces" for faces in FACES))
    return _table(heading, [(f"{rate:,}", *(_need(known, rate, faces) for faces in FACES)) for rate in RATES])


def _need(known: Measured, rate: float, faces: int) -> str:
    """Return the cores and the memory for both, in words."""
    cores = _when(lambda cpu: cost.cores_for(rate, cpu), _cpu_ms(known, faces))
    memory = _when(
        lambda n, worker, own, shared: cost.memory_gb(int(n), worker + own, shared),
        cores,
        known.worker_mb,
        _fit(cost.on_line, known.private_mb, faces),
        _fit(cost.on_line, known.mapped_mb, faces),
    )
    return f"{_cell(cores)} cores, {_cell(memory)} GB"


def _machines(known: Measured) -> str:
    heading = (
        "machine",
        "requests a second by its cores",
        "faces in its memory",
        "faces on its disk",
        "records on its disk",
    )
    rows = []
    for machine in cost.MACHINES:
        rate = _when(lambda cpu, m=machine: cost.rate_of(m.cores, cpu), known.request_cpu_ms)
        rows.append(
            (
                machine.name,
                _cell(rate),
                _millions(_faces_in_memory(known, machine)),
                _millions(_when(lambda mb, m=machine: m.disk_gb * 1e3 / mb, _disk_mb_a_face(known))),
                _millions(_when(lambda kb, m=machine: m.disk_gb * 1e6 / kb, known.record_kb)),
            )
        )
    return _table(heading, rows)


def _faces_in_memory(known: Measured, machine: cost.Machine) -> float | None:
    if known.worker_mb is None or not known.mapped_mb:
        return None
    start, slope = cost.line(known.mapped_mb)
    own, own_slope = cost.line(known.private_mb) if known.private_mb else (0.0, 0.0)
    index_mb = start + own * machine.cores, slope + own_slope * machine.cores
    return cost.faces_in(machine, known.worker_mb, index_mb)


def _ends(known: Measured) -> list[str]:
    """Say in sentences what ends first."""
    told = []
    if known.recorded_ms is not None:
        most = 1_000 / known.recorded_ms
        told.append(ENDS.format(ms=known.recorded_ms, most=most, short=cost.BUSY * most))
    if known.bulk_a_second is not None:
        hours = BULK / known.bulk_a_second / 3_600
        told.append(
            f"**{BULK:,} photos again** (`flask estimate --out`, on record) take {hours:,.2f} hours on the "
            f"{known.cores:g} cores measured: {known.bulk_a_second:,.0f} a second."
        )
    return told


def _cpu_ms(known: Measured, faces: int) -> float | None:
    """Return a request's processor time with so many faces: what its search takes longer is added."""
    if known.request_cpu_ms is None or not known.search_ms:
        return known.request_cpu_ms
    least = known.search_ms[min(known.search_ms)]
    return known.request_cpu_ms + max(0.0, cost.on_power(known.search_ms, faces) - least)


def _build_s(known: Measured, faces: int) -> float | None:
    finish_s = _fit(cost.on_power, known.finish_s, faces)
    return _when(lambda rate, finish: faces / rate + finish, known.build_a_second, finish_s)


def _disk_gb(known: Measured, faces: int) -> float | None:
    folder_mb = _fit(cost.on_line, known.folder_mb, faces)
    return _when(lambda mb, kb: mb / 1e3 + faces * kb / 1e6, folder_mb, known.thumbnail_kb)


def _disk_mb_a_face(known: Measured) -> float | None:
    slope = cost.line(known.folder_mb)[1] if known.folder_mb else None
    return _when(lambda mb, kb: mb + kb / 1e3, slope, known.thumbnail_kb)


def _fit(
    fit: Callable[[Mapping[int, float], int], float], points: Mapping[int, float], faces: int
) -> float | None:
    return fit(points, faces) if points else None


def _when(formula: Callable[..., float], *known: float | None) -> float | None:
    """Return what the formula gives, or None where one of its figures is not known."""
    return None if None in known else formula(*known)


def _cell(value: float | None) -> str:
    """Return a figure with two or three digits that count."""
    if value is None:
        return NOT_KNOWN
    digits = max(0, 1 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{min(digits, 3)}f}" if value != int(value) else f"{int(value):,}"


def _share(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.1%}"


def _millions(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value / 1e6:,.1f} million"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
