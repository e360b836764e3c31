"""What was measured, as a page."""

from __future__ import annotations

from typing import Any

import numpy as np

TARGET = 0.98
GROWTH = (
    "Exact search reads every row, so its time grows with their number. The depth of an Annoy tree grows "
    "with the logarithm of that number, but neighbours also get closer to each other, so that finding the "
    "same share of them takes more candidates. Building a tree splits the rows once for each level, so its "
    "time grows a little faster than the number. Annoy's file holds each row once, and the splits of each "
    "tree. Annoy's file and the rows of the exact search are mapped: all workers share one copy. Each "
    "worker reads its own copy of the files of hnswlib and faiss."
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
            "# The index next to other libraries",
            "",
            f"Written by `make bench-index` on {report['machine']}.",
            "",
            f"The *real* vectors are embeddings of {report['index']} ({report['dims']} numbers each); "
            f"{report['questions_held_out']} of them are held out as queries. Larger sizes add vectors "
            "*drawn* around them (`tests/bench/index/vectors.py` says how). Searches run on one thread. "
            "Annoy builds on one core, the other libraries on all.",
            "",
            rows(report),
            "",
            "*recall@10* is the share of the ten truly nearest that a search finds. Annoy searches with "
            "the effort that simsvc chooses (`simsvc/domain/gallery/search_effort.py`; ringed in the "
            "plot), the others with the least effort that finds 0.98. A worker's own memory does not "
            "include what is mapped and shared.",
            "",
            "![Recall against time, by size](bench-index-recall.png){ .wide }",
            "",
            "![Growth with the number of vectors](bench-index-growth.png){ .wide }",
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
        "## In the service",
        "",
        "*finish* is the time from the last embedding to the finished folder, *open* the time in which a "
        "worker opens it.",
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
    lines += [
        "",
        "Searches limited by a filter, which lets so many faces *pass*:",
        "",
        "| vectors | filter | pass | recall@10 | ms |",
    ]
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
        "Median distance to the first and tenth nearest vector, and intrinsic dimension.",
        "",
        "| vectors | first | tenth | dimension |",
        "| --- " * 4 + "|",
    ]
    for size, kind, values in sorted(found, key=lambda entry: entry[0]):
        near = f"{values['first_distance']} | {values['tenth_distance']}"
        lines.append(f"| {size:,} {kind} | {near} | {values['intrinsic_dimension']} |")
    sizes = sorted(size for size, kind, _ in found if kind == "drawn")
    expected = ", ".join(f"{_trend(report['real_shapes'], size):.3f} at {size:,}" for size in sizes)
    lines += [
        "",
        f"The trend of the real vectors (a power law) would lead to a distance to the tenth of {expected}.",
    ]
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
        "## How the effort is chosen",
        "",
        f"recall@10 of real faces by kind of query, with {asked['trees']} trees. A build measures on its "
        "own faces and on vectors near them; the faces held out show that this predicts searches for new "
        "faces.",
        "",
        "| candidates | " + " | ".join(kinds) + " |",
        "| --- " * (len(kinds) + 1) + "|",
    ]
    for candidates, shares in asked["recall_by_candidates"].items():
        lines.append(f"| {candidates} | " + " | ".join(str(shares[kind]) for kind in kinds) + " |")
    return [
        *lines,
        "",
        "With fewer numbers in each vector (principal components), even an exact search finds only these "
        f"shares: {fewer}. So no index could find 0.98 with fewer than the model's {report['dims']} numbers.",
        "",
    ]
