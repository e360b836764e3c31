"""Dependencies for estimating many photos."""

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
from simsvc.flows.estimates.bulk import Bulk
from simsvc.flows.estimates.estimate import EstimatePipeline
from simsvc.settings import cores
from simsvc.wiring.services import Services, helpers_of_command

PART, TRYING = ".part", ".trying"


@contextmanager
def bulk_into(services: Services, out: Path, *, recorded: bool) -> Iterator[Bulk]:
    """Yield the estimator of many photos, and write the table at the end; interrupted runs resume.

    Raises:
        ResultsRefused: the table exists, cannot be written, or belongs to a different run.
        BundleError: the model cannot be used.
    """
    check_kind(out)
    part = out.with_name(out.name + PART)
    if out.exists() and not part.exists():
        raise ResultsRefused("finished", name=out.name)
    pipeline = replace(services.bulk_pipeline(cores()), decoder=PhotoDecoder(helpers_of_command()))
    journal = ResultsJournal(part, _facts(pipeline, recorded=recorded))
    book = services.estimates if recorded else None
    watch = InFlight(out.with_name(out.name + TRYING))
    try:
        yield Bulk(pipeline, journal, book, read_photo, watch, cores())
        write_results(out, journal.rows())
        watch.drop()
        journal.drop()
    finally:
        watch.close()
        journal.close()


def _facts(pipeline: EstimatePipeline, *, recorded: bool) -> dict[str, object]:
    """Return what a resumed run must share with the first; defaults are left out, as in earlier versions."""
    facts: dict[str, object] = {"model_sha256": pipeline.model.sha256, "recorded": recorded}
    if not pipeline.model.engine.startswith("onnxruntime"):
        facts["engine"] = pipeline.model.engine
    if pipeline.age_prior:
        facts["age_prior"] = pipeline.age_prior.text
    return facts
