"""Evidence as a download."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

from flask import Response

from simsvc.adapters.results.evidence_zip import write_evidence
from simsvc.web.http.current import exporter, services, visitor
from simsvc.wiring.evidence import evidence_taker

MEDIA_TYPE = "application/zip"
IN_MEMORY_BYTES = 4_000_000
"""Larger files wait on the disk while they are sent."""
PIECE_BYTES = 1 << 16


def evidence_response(reference: str) -> Response:
    """Return evidence of a case as a download, taken by whoever asks.

    Raises:
        CaseNotFound: the case has no records that whoever asks may see.
        EvidenceRefused: the evidence cannot be taken.
        AuditError: no checkpoint can be made.
        StoreError: the database cannot be used.
    """
    number = services().estimates.first_of_case(reference)  # names the file: a reference may name a person
    user = visitor()
    tells_reads = user is None or user.role != "underwriter"  # like the pages that say who looked
    files = evidence_taker(services(), tells_reads=tells_reads).take(exporter(), reference)
    file = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - closed when the response is
    write_evidence(files, file)
    file.seek(0)
    response = Response(_pieces(file), mimetype=MEDIA_TYPE)
    response.call_on_close(file.close)
    response.headers.set("Content-Disposition", "attachment", filename=f"evidence-of-record-{number}.zip")
    return response


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
