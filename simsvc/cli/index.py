"""`flask index ...`: build, list, verify and switch indexes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from flask.cli import AppGroup

from simsvc.adapters.index.annoy_forest import check_engine
from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.calibration_picture import write_picture
from simsvc.adapters.photos.sources import SOURCES, read_source
from simsvc.cli.common.build_report import InService, build_report
from simsvc.cli.common.calibration_report import calibration_report
from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.cli.common.progress import progress
from simsvc.domain.calibration.plot import calibration_plot
from simsvc.domain.gallery.labelled_faces import LabelledSource
from simsvc.domain.gallery.manifest import EngineName, Manifest
from simsvc.domain.gallery.recall import QUERIES, K
from simsvc.errors import IndexMissing, IndexNotServed, IndexUnusable
from simsvc.flows.gallery.build_index import BuildRequest, build
from simsvc.flows.gallery.measure_recall import TimedRecall
from simsvc.settings import cores
from simsvc.values.events import COMMAND
from simsvc.wiring.indexing import IndexServices, index_services
from simsvc.wiring.retirement import retire_build

index_group = AppGroup("index", help="Build, list, verify and switch indexes.")


@index_group.command("build")
@click.option(
    "--source", type=click.Choice(SOURCES), default="demo", show_default=True, help="Format of the photos."
)
@click.option("--path", type=click.Path(path_type=Path), help="Folder with the photos; not needed for demo.")
@click.option("--name", help="Name of the index; defaults to the source.")
@click.option(
    "--engine",
    type=click.Choice(["onnx", "openvino", "torch"]),
    help="Inference engine; defaults to SIMSVC_ENGINE.",
)
@click.option(
    "--if-needed", is_flag=True, help="Do nothing if the index in service is intact and fits the model."
)
@click.option("--use", is_flag=True, help="Put the build into service, even if another one is in service.")
@click.option("--ray", metavar="ADDRESS", help="Use the hosts of the Ray cluster at host:port.")
def build_command(  # noqa: PLR0913, PLR0917 - one for each option
    source: str,
    path: Path | None,
    name: str | None,
    engine: EngineName | None,
    if_needed: bool,
    use: bool,
    ray: str | None,
) -> None:
    """Build an index of reference faces and print a report.

    The build goes into service if no other usable build is in service, or with --use.
    """
    with sentences():
        indexing = index_services(services().settings)
        label = _in_service(indexing) if if_needed else None
        if label is not None:
            click.echo(f"The index {label} is in service, intact, and fits the model.")
            return
        photos = _photos(source, path)
        check_engine()
        engine = engine or indexing.engine
        decoder, trained_on = indexing.decoder, indexing.trained_on
        request = BuildRequest(name or source, (photos,), engine, cores(), decoder, trained_on)
        manifest = _built(indexing, request, ray)
        in_service = _in_service(indexing)
        if use or in_service is None:
            in_service = indexing.switcher.use(manifest.label).label
        faces = indexing.shelf.gallery(manifest.label).faces
        count = indexing.shelf.manifest(in_service).count
        report = build_report(manifest, faces, InService(in_service, count))
        click.echo("\n".join([*report, *photos.notes]))


@index_group.command("list")
def list_command() -> None:
    """List every build; a star marks the one in service."""
    with sentences():
        shelf = services().shelf
        labels, current = shelf.labels(), shelf.current()
        if not labels:
            raise IndexMissing()
        for label in labels:
            try:
                manifest = shelf.manifest(label)
                origin = ", ".join(source.name for source in manifest.sources)
                row = f"{label}  {manifest.count} faces  {origin}  model {manifest.model.version}"
            except IndexUnusable as error:
                row = f"{label}  {error.code}"
            click.echo(("* " if label == current else "  ") + row)


@index_group.command("verify")
@click.argument("build_id", metavar="[BUILD]", required=False)
def verify_command(build_id: str | None) -> None:
    """Check every file of BUILD (default: the build in service) against its manifest and the model."""
    with sentences():
        indexing = index_services(services().settings)
        label = _wanted(indexing.shelf, build_id)
        manifest = indexing.switcher.fitting(label)
        click.echo(f"{label}: {manifest.count} faces. All files are intact and fit the model in service.")


@index_group.command("recall")
@click.argument("build_id", metavar="[BUILD]", required=False)
@click.option(
    "--queries",
    type=click.IntRange(1),
    default=QUERIES,
    show_default=True,
    help="Number of queries of each kind.",
)
@click.option(
    "--k", type=click.IntRange(1), default=K, show_default=True, help="Number of nearest faces per query."
)
def recall_command(build_id: str | None, queries: int, k: int) -> None:
    """Measure recall and speed of BUILD (default: the build in service)."""
    with sentences():
        label = _wanted(services().shelf, build_id)
        found = services().timed_recall(label, queries, k)
        click.echo("\n".join(_recall_lines(label, services().shelf.manifest(label), found)))


@index_group.command("calibration")
@click.argument("build_id", metavar="[BUILD]", required=False)
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Save a plot as PNG.")
def calibration_command(build_id: str | None, plot: Path | None) -> None:
    """Print the site calibration of BUILD (default: the build in service) and its errors."""
    with sentences():
        shelf = services().shelf
        label = _wanted(shelf, build_id)
        site = shelf.calibration(label)
        changed = site != shelf.manifest(label).calibration
        click.echo("\n".join(calibration_report(label, site, changed=changed)))
        if plot is not None:
            _draw(shelf, label, plot)


@index_group.command("use")
@click.argument("build_id", metavar="BUILD")
@click.option(
    "--accept", is_flag=True, help="Even if the log does not have it, such as one copied from elsewhere."
)
def use_command(build_id: str, *, accept: bool) -> None:
    """Check BUILD and put it into service; running services switch within two seconds."""
    with sentences():
        indexing = index_services(services().settings)
        label = indexing.shelf.find(build_id)
        manifest = indexing.switcher.use(label, accept=accept)
        click.echo(f"{label} with {manifest.count} faces is in service.")


@index_group.command("retire")
@click.argument("build_id", metavar="BUILD")
@click.option(
    "--force", is_flag=True, help="Even if records refer to it; they can then no longer be replayed."
)
def retire_command(build_id: str, force: bool) -> None:
    """Permanently delete BUILD, which must not be in service."""
    with sentences():
        label = retire_build(services(), build_id, COMMAND, force=force)
        click.echo(f"Index build {label} retired.")


def _wanted(shelf: IndexStore, build_id: str | None) -> str:
    label = shelf.find(build_id) if build_id else shelf.current()
    if label is None:
        raise IndexMissing()
    return label


def _recall_lines(label: str, manifest: Manifest, timed: TimedRecall) -> list[str]:
    found = timed.recall
    asked = f"{found.k} nearest of {manifest.count} faces, {found.queries} queries of each kind"
    return [
        f"{label}: {manifest.trees} trees, {manifest.search_k} candidates; {asked}.",
        f"Recall for faces in the build: {found.of_rows:.4f}.",
        f"Recall for new vectors near them: {found.of_others:.4f}.",
        f"Search: {timed.p50_ms:.2f} ms (median, one thread); exact search: {timed.exact_ms:.2f} ms.",
        f"Recall measured when built: {manifest.recall if manifest.recall is not None else 'not measured'}.",
    ]


def _draw(shelf: IndexStore, label: str, path: Path) -> None:
    site, estimates = shelf.calibration(label), shelf.estimates(label)
    ages_years = shelf.gallery(label).faces.ages_years
    corrected = site is not None and site.method != "none"
    drawn = None if estimates is None else calibration_plot(ages_years, estimates, corrected=corrected)
    if drawn is None:
        raise click.ClickException("There is nothing to plot: the build has no estimates of its faces.")
    write_picture(path, drawn, f"{label}: {drawn.faces:,} reference faces")
    click.echo(f"Plot saved to {path}")


def _photos(source: str, path: Path | None) -> LabelledSource:
    if path is None and source != "demo":
        raise click.UsageError(f"Give the folder with the photos of {source}: --path DIR.")
    return read_source(source, path or services().settings.gallery_dir)


def _built(indexing: IndexServices, request: BuildRequest, ray: str | None) -> Manifest:
    model = indexing.model(request.engine, request.workers)
    detector, shelf = indexing.detector, indexing.shelf
    total = sum(len(source.photos) for source in request.sources)
    with (
        indexing.wide(ray, request, model) as wide,
        progress("face", f"index {request.name}", total, lines=ray is not None) as advance,
    ):
        request = replace(request, wide=wide)
        return build(request, detector, model, shelf, on_built=indexing.on_built, progress=advance)


def _in_service(indexing: IndexServices) -> str | None:
    """Return the label of the index in service if it is intact and fits the model, else None.

    If current.json names a build that may not be in service, this is the one that takes over.
    """
    try:
        label = indexing.shelf.current()
        if label is not None:
            indexing.guard.check(label)
        return label and indexing.switcher.fitting(label).label
    except IndexNotServed as problem:
        label = _takes_over(indexing)
        if label is not None:
            click.echo(problem.sentence, err=True)
        return label
    except IndexUnusable:
        return None


def _takes_over(indexing: IndexServices) -> str | None:
    for label in indexing.guard.fallbacks():
        try:
            return indexing.switcher.fitting(label).label
        except IndexUnusable:
            continue
    return None
