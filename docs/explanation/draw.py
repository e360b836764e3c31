"""`python docs/explanation/draw.py`: the structure before the folders by subject, then and now, counted and drawn.

Needs the repository's history. Counts commits, not the working tree: commit before you draw. Writes structure.md and its
pictures next to this file, within half a minute.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import grimp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = ("simsvc", "trainer")
LAYERS = (
    ("cli", "web"),
    ("wiring",),
    ("settings",),
    ("flows", "adapters", "store"),
    ("domain",),
    ("ports",),
    ("values",),
    ("errors",),
)
"""As in the contract "the layers of the service" of pyproject.toml, topmost first."""
MOVED = "91df9041"
"""The end of the move into folders by subject, before the features that came after it."""
WIDTH, ROW_HEIGHT, BOX_HEIGHT = 760, 26, 44


@dataclass(frozen=True)
class Structure:
    """What a tree of the sources looks like.

    Attributes:
        files: Python files by folder.
        lines: lines by folder.
        arrows: imports between modules by pair of folders, the importing one first.
        module_circles: the groups of modules that import each other, directly or by others.
    """

    files: Counter[str]
    lines: Counter[str]
    arrows: Counter[tuple[str, str]]
    module_circles: int

    @property
    def circles(self) -> list[tuple[str, str]]:
        """Return the pairs of folders that import each other."""
        return sorted((a, b) for a, b in self.arrows if a < b and (b, a) in self.arrows)


def git(*arguments: str) -> bytes:
    """Run git in the repository and return what it prints."""
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True).stdout


def before() -> str:
    """Return the commit before the first one that has simsvc/adapters."""
    added = git("log", "--diff-filter=A", "--format=%H", "--", "simsvc/adapters").split()[-1].decode()
    return git("rev-parse", f"{added}^").strip().decode()


def counted(root: Path) -> Structure:
    """Count folders, files, lines and imports of both packages below a folder."""
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for package in PACKAGES:
        for path in (root / package).rglob("*.py"):
            folder = str(path.parent.relative_to(root))
            files[folder] += 1
            lines[folder] += len(path.read_text(encoding="utf-8").splitlines())
    sys.path.insert(0, str(root))
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    sys.path.remove(str(root))
    arrows: Counter[tuple[str, str]] = Counter()
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    for module, found in imports.items():
        for imported in found:
            ends = folder_of(module, root), folder_of(imported, root)
            if ends[0] != ends[1]:
                arrows[ends] += 1
    return Structure(files, lines, arrows, circles_between(imports))


def circles_between(imports: Mapping[str, Set[str]]) -> int:
    """Count the groups of modules that import each other, directly or by others."""
    place = {module: number for number, module in enumerate(sorted(imports))}
    arrows = [(place[module], place[imported]) for module, found in imports.items() for imported in found]
    matrix = coo_array(
        (np.ones(len(arrows)), tuple(zip(*arrows, strict=True))), shape=(len(place), len(place))
    )
    _, groups = connected_components(matrix, connection="strong")
    return int((np.bincount(groups) > 1).sum())


def folder_of(module: str, root: Path) -> str:
    """Return the folder of a module; a package is its own folder."""
    path = root.joinpath(*module.split("."))
    return str((path if path.is_dir() else path.parent).relative_to(root))


def counted_at(commit: str) -> Structure:
    """Count a commit, unpacked into a temporary folder."""
    with TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(git("archive", commit, *PACKAGES))) as archive:
            archive.extractall(folder, filter="data")
        return counted(Path(folder).resolve())


def picture(structure: Structure, title: str) -> str:
    """Return an SVG: each folder as a bar of its files, with its imports from other folders."""
    rows = sorted(structure.files.items())
    widest = max(structure.files.values())
    height = 60 + ROW_HEIGHT * len(rows)
    parts = [
        text(16, 28, title, 17, weight="bold"),
        text(16, 48, "Python files in each folder; imports into and out of other folders", 12),
    ]
    for number, (folder, count) in enumerate(rows):
        y = 60 + ROW_HEIGHT * number
        into = sum(n for (_, b), n in structure.arrows.items() if b == folder)
        out = sum(n for (a, _), n in structure.arrows.items() if a == folder)
        circular = any(folder in pair for pair in structure.circles)
        colour = "#d1495b" if circular else "#0b7a75"
        parts.append(text(16, y + 17, folder, 13))
        parts.append(
            f'<rect x="250" y="{y + 5}" width="{300 * count / widest:.0f}" height="15" fill="{colour}"/>'
        )
        parts.append(text(258 + 300 * count / widest, y + 17, str(count), 12))
        parts.append(text(620, y + 17, f"{into} in, {out} out", 12))
    return svg(height, parts)


def layers(structure: Structure) -> str:
    """Return an SVG of the layers of the service; a layer may import those below it."""
    parts = []
    for number, names in enumerate(LAYERS):
        y, width = 16 + number * (BOX_HEIGHT + 22), (WIDTH - 32 - 12 * (len(names) - 1)) / len(names)
        for place, name in enumerate(names):
            x = 16 + place * (width + 12)
            parts.append(
                f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{BOX_HEIGHT}" rx="6" fill="#e0f2f1" '
                'stroke="#0b7a75"/>'
            )
            parts.append(text(x + 14, y + 27, f"simsvc/{name}{described(structure, name)}", 14))
        if number + 1 < len(LAYERS):
            y += BOX_HEIGHT
            parts.append(
                f'<path d="M{WIDTH / 2} {y + 2} v16 m-5 -6 l5 6 l5 -6" fill="none" stroke="#37474f" stroke-width="2"/>'
            )
    return svg(32 + len(LAYERS) * (BOX_HEIGHT + 22) - 22, parts)


def described(structure: Structure, name: str) -> str:
    """Say how many files a layer has; one that is a single file has none to count."""
    inside = [n for folder, n in structure.files.items() if f"{folder}/".startswith(f"simsvc/{name}/")]
    return f": {sum(inside)} files" if inside else ".py"


def text(x: float, y: float, words: str, size: int, weight: str = "normal") -> str:
    """Return a line of text."""
    return f'<text x="{x:.0f}" y="{y}" font-size="{size}" font-weight="{weight}">{escape(words)}</text>'


def svg(height: int, parts: list[str]) -> str:
    """Return a picture on white, which is legible in both palettes."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" fill="#212121">'
    )
    return (
        "\n".join(
            [head, f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#ffffff"/>', *parts, "</svg>"]
        )
        + "\n"
    )


def page(times: Sequence[Structure], old_commit: str) -> str:
    """Return structure.md of the structure before, after the move, and now."""
    old, moved, new = times
    table = "\n".join(
        f"| {name} | {' | '.join(count(each) for each in times)} |" for name, count in FIGURES.items()
    )
    circles = "\n".join(
        f"| {when} | `{a}` and `{b}` |"
        for when, each in (("before", old), ("now", new))
        for a, b in each.circles
    )
    return f"""# Structure before and after

Written by `make structure`. *Before* is commit `{old_commit[:7]}`, the last one with folders by kind (`engines`, `steps`,
`commands`); *moved* is commit `{MOVED[:7]}`, the end of the move into folders by subject; *now* is this version, with the
features that came after it. All count `simsvc` and `trainer`, without tests. Imports are counted with grimp between modules of
different folders.

| | before | moved | now |
| --- | --- | --- | --- |
{table}

The move took {share(old, moved)} of the lines away. The features that came after it brought {share(moved, new)} of the lines of
*moved*, so the source has more lines now than before the move.

## Circles

Two folders form a circle if each imports the other. They can only be understood, and moved, together.

| | folders |
| --- | --- |
{circles}

The folder `simsvc` itself holds single files of different layers (`flask_app.py`, `settings.py`, `ports.py`, `telemetry.py`), so
it forms circles as a folder. Between modules there are none: `import-linter` checks the layers in `make lint`.

`simsvc/store/migrations/versions` has one file for each change of the tables, in the order of time, as Alembic wants them.

## Before

![Folders before, with their files and imports](structure-before.svg)

## Now

![Folders now, with their files and imports](structure-now.svg)

A red bar marks a folder that is part of a circle.
"""


def share(one: Structure, other: Structure) -> str:
    """Return by how much the lines differ, as a share of those of the first."""
    return f"{abs(other.lines.total() / one.lines.total() - 1):.1%}"


def largest(structure: Structure) -> str:
    """Name the largest folder."""
    folder, count = structure.files.most_common(1)[0]
    return f"{count} (`{folder}`)"


def inner(structure: Structure) -> int:
    """Count the circles in which the package folders themselves have no part."""
    return sum(not set(pair) & set(PACKAGES) for pair in structure.circles)


def crowded(structure: Structure) -> int:
    """Count the folders with more than 15 files."""
    return sum(count > 15 for count in structure.files.values())


FIGURES: Mapping[str, Callable[[Structure], str]] = {
    "folders": lambda each: str(len(each.files)),
    "Python files": lambda each: str(each.files.total()),
    "Python files a folder, mean": lambda each: f"{each.files.total() / len(each.files):.1f}",
    "files in the largest folder": largest,
    "folders with more than 15 files": lambda each: str(crowded(each)),
    "lines": lambda each: f"{each.lines.total():,}",
    "lines a file, mean": lambda each: str(round(each.lines.total() / each.files.total())),
    "folders that import another: pairs": lambda each: str(len(each.arrows)),
    "imports between folders": lambda each: str(each.arrows.total()),
    "circles between modules": lambda each: str(each.module_circles),
    "circles: pairs of folders that import each other": lambda each: str(len(each.circles)),
    "circles between other folders than `simsvc` and `trainer` themselves": lambda each: str(inner(each)),
}
"""What the table says of each structure."""


def main() -> None:
    """Write the page and its pictures."""
    commit = before()
    old, moved, new = (counted_at(each) for each in (commit, MOVED, "HEAD"))
    (HERE / "structure.md").write_text(page((old, moved, new), commit), encoding="utf-8")
    (HERE / "structure-before.svg").write_text(picture(old, f"Before: {commit[:7]}"), encoding="utf-8")
    (HERE / "structure-now.svg").write_text(picture(new, "Now"), encoding="utf-8")
    (HERE / "structure-layers.svg").write_text(layers(new), encoding="utf-8")


if __name__ == "__main__":
    main()
