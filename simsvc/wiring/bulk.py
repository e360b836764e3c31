"""What judging many photos of this machine needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from simsvc.adapters.photos.photo_decoder import PhotoDecoder
from simsvc.adapters.photos.photo_files import read_photo
from simsvc.adapters.results.in_flight import InFlight
from simsvc.adapters.results.results_file import check_kind, write_results
from simsvc.adapters.results.results_journal import ResultsJournal
from simsvc.errors import ResultsRefused
from simsvc.flows.bulk import Bulk
from simsvc.flows.estimate import EstimatePipeline
from simsvc.settings import cores
from simsvc.store.together import TogetherStore
from simsvc.wiring.services import Services, helpers_of_command

PART, TRYING = ".part", ".trying"
"""Follow the table's name in the names of its journal, and of the note of what is in hand."""


@contextmanager
def bulk_into(services: Services, out: Path, *, recorded: bool) -> Iterator[Bulk]:
    """Give what judges many photos, and write the table when the block ends; another such run goes on.

    Args:
        services: of this process.
        out: the table that is to be.
        recorded: whether the answers go on record.

    Raises:
        ResultsRefused: the table is there already, or cannot be written, or its beginnings do not fit.
        BundleError: the model cannot be used.
    """
    check_kind(out)
    part = out.with_name(out.name + PART)
    if out.exists() and not part.exists():
        raise ResultsRefused(
            f"{out.name} is there already, and nothing of it is left to do. "
            "Move it away to judge the photos once more, or name another file with --out."
        )
    corridor = replace(services.bulk_corridor(cores()), decoder=PhotoDecoder(helpers_of_command()))
    journal = ResultsJournal(part, _facts(corridor, recorded=recorded))
    book = TogetherStore(services.database, services.cipher) if recorded else None
    watch = InFlight(out.with_name(out.name + TRYING))
    try:
        yield Bulk(corridor, journal, book, read_photo, watch, cores())
        write_results(out, journal.rows())
        watch.drop()
        journal.drop()
    finally:
        watch.close()
        journal.close()


def _facts(corridor: EstimatePipeline, *, recorded: bool) -> dict[str, object]:
    """Return what a run that goes on must have in common with the one that was cut off.

    An engine other than ONNX Runtime and a prior are named only where there are any, so that what earlier
    versions began can be finished.
    """
    facts: dict[str, object] = {"model_sha256": corridor.model.sha256, "recorded": recorded}
    if not corridor.model.engine.startswith("onnxruntime"):
        facts["engine"] = corridor.model.engine
    if corridor.age_prior:
        facts["age_prior"] = corridor.age_prior.text
    return facts
