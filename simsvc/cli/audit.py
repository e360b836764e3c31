"""`flask audit ...`: verify the log, and prove that nothing in it was changed."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup

from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.cli.common.progress import progress
from simsvc.domain.audit.checkpoint import checkpoint_text, parse_checkpoint
from simsvc.domain.audit.report_code import parse_report_code
from simsvc.errors import (
    AuditError,
    CheckpointRefused,
    ReportCodeRefused,
    StoreError,
    VerificationRefused,
)
from simsvc.flows.audit.verify_log import verify
from simsvc.flows.audit.verify_report import check_report
from simsvc.values.events import COMMAND, Checkpoint, LogState, Verdict

audit_group = AppGroup("audit", help="Verify the audit log.")


@audit_group.command("verify")
def verify_command() -> None:
    """Verify the log and its records; if something is wrong, name all of it and exit with status 1.

    The page Audit shows the result.
    """
    with sentences():
        verdict = _walked(None)
        _record(verdict)
        click.echo(_summary(_intact(verdict)))


@audit_group.command("checkpoint")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write instead of printing."
)
def checkpoint_command(out: Path | None) -> None:
    """Verify the log and write a checkpoint of it. Keep it where nobody who can write the log can write."""
    with sentences():
        last = _verified(None).last
        if last is None:
            raise AuditError("empty")
        _write(checkpoint_text(Checkpoint(last.seq, last.sha256, last.at)), out)


@audit_group.command("prove")
@click.argument("file", type=click.Path(path_type=Path))
def prove_command(file: Path) -> None:
    """Verify the log and prove that it is unchanged up to the checkpoint in FILE."""
    with sentences():
        checkpoint = parse_checkpoint(_read(file))
        verdict = _verified(checkpoint)
        click.echo(
            f"The log contains event {checkpoint.seq} of {checkpoint.at} and everything before it, unchanged."
        )
        click.echo(_summary(verdict))


@audit_group.command("verify-report")
@click.argument("code")
def verify_report_command(code: str) -> None:
    """Check the verification CODE of a printed report; if the log does not have it, exit with status 1."""
    with sentences(), services().log.snapshot() as snapshot:
        check = check_report(parse_report_code(code), snapshot)
        if check.outcome == "altered":
            raise ReportCodeRefused("altered")
        if check.outcome != "genuine" or check.about is None or check.printed is None:
            raise ReportCodeRefused("unknown")
        click.echo(
            f"The log has event {check.about.seq} of {check.about.at} ({check.about.kind}, "
            f"{check.about.subject}), unchanged. When the report was made, the log ended with event "
            f"{check.printed.seq} of {check.printed.at} ({check.printed.kind} by {check.printed.actor})."
        )
        click.echo("Compare the report with the record. `flask audit verify` checks the whole log.")


def _verified(checkpoint: Checkpoint | None) -> Verdict:
    return _intact(_walked(checkpoint))


def _walked(checkpoint: Checkpoint | None) -> Verdict:
    with services().log.snapshot() as snapshot, progress("event", "log") as advance:
        return verify(snapshot, advance, checkpoint)


def _record(verdict: Verdict) -> None:
    """Record the result for the page; a copy of a database that cannot be written is verified too."""
    try:
        services().verifier.note(LogState.of(verdict), COMMAND)
    except (StoreError, VerificationRefused) as problem:
        click.echo(f"The result was not recorded. {problem.sentence}", err=True)


def _intact(verdict: Verdict) -> Verdict:
    if verdict.broken is None:
        return verdict
    count = len(verdict.problems) + verdict.more
    if count == 1:
        raise AuditError("broken", problem=verdict.broken.sentence)
    for problem in verdict.problems:
        click.echo(problem.sentence, err=True)
    if verdict.more:
        raise AuditError("broken_further", count=count, listed=len(verdict.problems))
    raise AuditError("broken_often", count=count)


def _summary(verdict: Verdict) -> str:
    erased = f" ({verdict.erased} erased)" if verdict.erased else ""
    end = verdict.last
    last = f" Last event: {end.seq} of {end.at}, {end.sha256}" if end else ""
    return f"The log is intact: {verdict.events} events{erased}, and their records.{last}"


def _write(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text)
    except OSError:
        raise AuditError("unwritable", file=str(out)) from None
    click.echo(f"The checkpoint is in {out}. Keep a copy where nobody who can write the log can write.")


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeError):
        raise CheckpointRefused("unreadable", file=str(file)) from None
