"""Dependencies for estimating many photos."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from simsvc.adapters.photos.photo_decoder import PhotoDecoder
from simsvc.adapters.photos.remote_photos import Place, read_place
from simsvc.adapters.results.in_flight import InFlight
from simsvc.adapters.results.results_file import check_kind, write_results
from simsvc.adapters.results.results_journal import ResultsJournal
from simsvc.errors import ResultsRefused
from simsvc.flows.estimates.bulk import Bulk
from simsvc.flows.estimates.estimate import EstimatePipeline
from simsvc.flows.estimates.look import File, Seen
from simsvc.ports import WideWork
from simsvc.settings import cores
from simsvc.wiring.services import Services, helpers_of_command
from simsvc.wiring.wide import wide_looking

PART, TRYING = ".part", ".trying"


@contextmanager
def bulk_into(
    services: Services, out: Path, *, recorded: bool, ray: str | None = None, probe: Place | None = None
) -> Iterator[Bulk]:
    """Yield the estimator of many photos, and write the table at the end; interrupted runs resume.

    With the address of a Ray cluster, its hosts look at the photos; each must be able to read `probe`.

    Raises:
        ResultsRefused: the table exists, cannot be written, or belongs to a different run.
        BundleError: the model cannot be used.
        RayMissing: there is an address, but no Ray.
        RayUnreachable: there is no usable Ray cluster.
    """
    check_kind(out)
    part = out.with_name(out.name + PART)
    if out.exists() and not part.exists():
        raise ResultsRefused("finished", name=out.name)
    pipeline = replace(services.bulk_pipeline(cores()), decoder=PhotoDecoder(helpers_of_command()))
    facts = _facts(pipeline, recorded=recorded)
    if ray and services.settings.ray_device == "cuda":
        facts["engine"] = "onnxruntime fp32 cuda"
    journal = ResultsJournal(part, facts)
    book = services.estimates if recorded else None
    watch = InFlight(out.with_name(out.name + TRYING))
    try:
        with _wide(services, pipeline, ray, probe) as wide:
            yield Bulk(pipeline, journal, book, read_place, watch, cores(), wide)
        write_results(out, journal.rows())
        watch.drop()
        journal.drop()
    finally:
        watch.close()
        journal.close()


def _wide(
    services: Services, pipeline: EstimatePipeline, ray: str | None, probe: Place | None
) -> AbstractContextManager[WideWork[File, Seen] | None]:
    if ray is None:
        return nullcontext()
    document_sha256 = pipeline.bundle_sha256 or ""
    return wide_looking(ray, services.settings, pipeline.model.engine, document_sha256, probe)


def _facts(pipeline: EstimatePipeline, *, recorded: bool) -> dict[str, object]:
    """Return what a resumed run must share with the first; defaults are left out, as in earlier versions."""
    facts: dict[str, object] = {"model_sha256": pipeline.model.sha256, "recorded": recorded}
    if not pipeline.model.engine.startswith("onnxruntime"):
        facts["engine"] = pipeline.model.engine
    if pipeline.age_prior:
        facts["age_prior"] = pipeline.age_prior.text
    return facts
