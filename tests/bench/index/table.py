"""What was measured, as a page."""

from __future__ import annotations

from typing import Any

import numpy as np

TARGET = 0.98
GROWTH = (
    "Why it grows so: exact search reads every row. A tree of Annoy is descended in the logarithm of "
    "their number, and more leaves must be looked into for the same share, because neighbours crowd: the "
    "rule takes more candidates. Building a tree splits every row once a level, so time grows a little "
    "faster than the number; the file holds each row once and its splits, by tree. Annoy's file and the "
    "exact rows are mapped, one copy for all workers; hnswlib and faiss read theirs into each."
)
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


def document(report: dict[str, Any]) -> str:
    """Return docs/explanation/bench-index.md: what was measured, how, and the pictures."""
    return "\n".join(
        (
            "# The index beside its peers",
            "",
            f"Written by `make bench-index`: {report['machine']}; embeddings of {report['index']} "
            f"({report['dims']} numbers), {report['questions_held_out']} of them held out as questions; "
            "beyond their number, vectors drawn around them (`tests/bench/index/vectors.py` says how). "
            "Searches on one thread; graphs and lists are built on all cores, Annoy on one.",
            "",
            rows(report),
            "",
            "Annoy as the rule chose (`simsvc/domain/gallery/search_effort.py`, ringed below), the others "
            "with the least effort that finds 0.98. A worker's own memory is beside what is mapped and "
            "shared.",
            "",
            "![Recall against time, by size](bench-index-recall.png)",
            "",
            "![Growth with the number of vectors](bench-index-growth.png)",
            "",
            GROWTH,
            "",
            *_service(report),
            *_vectors(report),
            *_rule(report),
        )
    )


def _service(report: dict[str, Any]) -> list[str]:
    """Return what the service's own index does at each size."""
    head = (
        "trees",
        "candidates",
        "recall",
        "finish, s",
        "peak, MB",
        "open, s",
        "10 nearest, ms",
        "24 nearest, ms",
    )
    lines = [
        "## Through the service",
        "",
        "From the last embedding to the finished folder, and a worker that opens it.",
        "",
        "| vectors | " + " | ".join(head) + " | its own memory, MB | the same labels as objects, MB |",
        "| --- " * (len(head) + 3) + "|",
    ]
    for size, found in sorted(report["service"].items(), key=lambda entry: int(entry[0])):
        build, serve, objects = found["build"], found["serve"], found["objects"]
        times = f"{serve['10 nearest']['p50_ms']} | {serve['24 nearest']['p50_ms']}"
        chosen = f"{build['trees']} | {build['search_k']} | {build['recall']}"
        lines.append(
            f"| {int(size):,} | {chosen} | {build['finish_s']} | {build['build_peak_mb']:.0f} | "
            f"{serve['open_s']} | {times} | {serve['private_mb']} | {objects['labels_as_objects_mb']:.0f} |"
        )
    lines += ["", "Limited by a filter, recall@10 and ms:", "", "| vectors | filter | pass | recall | ms |"]
    lines.append("| --- " * 5 + "|")
    for size, found in sorted(report["service"].items(), key=lambda entry: int(entry[0])):
        for name, part in found["serve"].items():
            if isinstance(part, dict) and "passing" in part:
                row = f"{part['passing']:,} | {part['recall']} | {part['p50_ms']}"
                lines.append(f"| {int(size):,} | {name} | {row} |")
    return [*lines, ""]


def _vectors(report: dict[str, Any]) -> list[str]:
    """Return how the drawn vectors compare with real ones."""
    found = [(int(size), "real", values) for size, values in report["real_shapes"].items()]
    found += [(int(size), v["kind"], v) for size, v in report["shapes"].items() if v["kind"] == "drawn"]
    lines = [
        "## The vectors",
        "",
        "Median distance to the first and tenth other vector, and intrinsic dimension.",
        "",
        "| vectors | first | tenth | dimension |",
        "| --- " * 4 + "|",
    ]
    for size, kind, values in sorted(found, key=lambda entry: entry[0]):
        near = f"{values['first_distance']} | {values['tenth_distance']}"
        lines.append(f"| {size:,} {kind} | {near} | {values['intrinsic_dimension']} |")
    sizes = sorted(size for size, kind, _ in found if kind == "drawn")
    expected = ", ".join(f"{_trend(report['real_shapes'], size):.3f} at {size:,}" for size in sizes)
    lines += ["", f"The real parts' trend (a power of their number) would lead to a tenth of {expected}."]
    return [*lines, ""]


def _trend(shapes: dict[str, dict[str, float]], size: int) -> float:
    """Return the tenth distance that a power law through the real parts' gives for a number of vectors."""
    counts = np.log([float(part) for part in shapes])
    slope, start = np.polyfit(counts, np.log([values["tenth_distance"] for values in shapes.values()]), 1)
    return float(np.exp(start + slope * np.log(size)))


def _rule(report: dict[str, Any]) -> list[str]:
    """Return what the questions of the rule are worth, and why no number of a vector is left out."""
    asked = report["questions"]
    kinds = list(next(iter(asked["recall_by_candidates"].values())))
    fewer = ", ".join(f"{dims}: {share}" for dims, share in report["recall_of_fewer_dims"].items())
    lines = [
        "## What the rule asks",
        "",
        f"Recall@10 of real faces by kind of question, {asked['trees']} trees.",
        "",
        "| candidates | " + " | ".join(kinds) + " |",
        "| --- " * (len(kinds) + 1) + "|",
    ]
    for candidates, shares in asked["recall_by_candidates"].items():
        lines.append(f"| {candidates} | " + " | ".join(str(shares[kind]) for kind in kinds) + " |")
    return [
        *lines,
        "",
        f"An exact search over fewer numbers a vector (principal components) finds {fewer}: with fewer than "
        f"the model's {report['dims']} no index could find 0.98, so the dimension stays.",
        "",
    ]
