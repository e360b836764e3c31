"""`flask audit evidence`: hand over what others can check without simsvc."""

from __future__ import annotations

import io
from pathlib import Path

import click
from flask.cli import with_appcontext

from simsvc.adapters.ops.atomic_files import replace_bytes
from simsvc.adapters.results.evidence_zip import write_evidence
from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.domain.audit.evidence import DAMAGE
from simsvc.errors import AuditError
from simsvc.values.events import COMMAND
from simsvc.wiring.evidence import evidence_taker


@click.command("evidence")
@click.argument("case", required=False)
@click.option("--record", "records", multiple=True, metavar="ID", help="A record, even if it was erased.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="ZIP file to write."
)
@with_appcontext
def evidence_command(case: str | None, records: tuple[str, ...], out: Path) -> None:
    """Write evidence about CASE, or about single records, that anyone can check without simsvc.

    The log notes it, and a checkpoint is made. Where the log is damaged, the last checkpoint is used, and the
    evidence says what is wrong.
    """
    if case is None and not records:
        raise click.UsageError("Name a case, or a record with --record ID.")
    with sentences():
        files = evidence_taker(services()).take(COMMAND, case, records)
        packed = io.BytesIO()
        write_evidence(files, packed)
        try:
            replace_bytes(out, packed.getvalue())
        except OSError:
            raise AuditError("unwritable", file=str(out)) from None
    for line in files.get(DAMAGE, b"").decode().splitlines():
        click.echo(f"The log is damaged, and the evidence says so: {line}", err=True)
    click.echo(f"The evidence is in {out}. To check it: python verify.py {out.name}")
