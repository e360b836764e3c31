"""What was measured as the table that stands in README."""

from __future__ import annotations

from typing import Any

TARGET = 0.98
HEAD = (
    "| vectors | library | recall@10 | ms a search, p50 | build, s | file, MB | a worker's own memory, MB |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def rows(report: dict[str, Any]) -> str:
    """Return a row for each size and library: Annoy as the rule chose, others the least that finds 0.98."""
    sizes = sorted({int(size) for found in report["libraries"].values() for size in found})
    lines = [
        row(size, name, found[str(size)], report["shapes"][str(size)]["kind"])
        for size in sizes
        for name, found in report["libraries"].items()
        if str(size) in found
    ]
    return "\n".join((*HEAD, *lines))


def row(size: int, name: str, found: dict[str, Any], kind: str) -> str:
    """Return one row."""
    point = at(found)
    return (
        f"| {size:,} {kind} | {name} | {point['recall']:.3f} | {point['p50_ms']:.3f} | "
        f"{found['build_s']:.1f} | {found['file_mb']:.0f} | {found['private_mb']:.0f} |"
    )


def at(found: dict[str, Any]) -> dict[str, float]:
    """Return the point of a curve that counts."""
    curve: list[dict[str, float]] = found["curve"]
    if "chosen" in found:
        return next(point for point in curve if point["effort"] == found["chosen"])
    return next((point for point in curve if point["recall"] >= TARGET), curve[-1])
