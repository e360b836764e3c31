"""`flask audit ...`: verify the log, and prove that nothing in it was changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import click
from flask.cli import AppGroup

from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.cli.common.progress import progress
from simsvc.domain.audit.checkpoint import checkpoint_text, parse_checkpoint
from simsvc.domain.audit.report_code import parse_report_code
from simsvc.domain.audit.who_looked import Look, look_of
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

RECORD_ID = re.compile(r"[0-9a-f]{32}")

audit_group = AppGroup("audit", help="Verify the audit log.")


@audit_group.command("verify")
def verify_command() -> None:
    """Verify the log and its records; if something is wrong, name it and exit with status 1.

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


@audit_group.command("reads")
@click.argument("name", metavar="CASE|ID")
@click.option(
    "--count", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Lines at most."
)
def reads_command(name: str, count: int) -> None:
    """List who looked at a case, or at the record with an ID, newest first.

    Each line has when (UTC), who, what and how, and the number of the event, separated by tabs.
    """
    reads, estimates = services().reads, services().estimates
    with sentences():
        is_record = bool(RECORD_ID.fullmatch(name))
        found = reads.of_record(name, count) if is_record else reads.of_case(name, count)
        if not found:
            _ = estimates.find(name) if is_record else estimates.of_case(name)
        looks = [look_of(logged) for logged in found]
        names = services().names(look.actor.removeprefix("user:") for look in looks)
        for look in looks:
            click.echo("\t".join(_look_columns(look, names)))
        views = reads.views_of_record(name) if is_record else reads.views_of_case(name)
    click.echo(f"{views.count} views by {views.people} accounts or tokens.", err=True)


def _look_columns(look: Look, names: Mapping[str, str]) -> tuple[str, ...]:
    who = names.get(look.actor.removeprefix("user:"), look.actor)
    about = f"record {look.record}" if look.record else "case"
    how = f"session {look.session}" if look.session else "token" if look.token else "browser"
    address = f", {look.address}" if look.address else ""
    when = look.at.isoformat(timespec="seconds")
    return when, who, f"{about}: {look.what or 'erased'}", how + address, f"event {look.seq}"


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
    if verdict.broken:
        raise AuditError("broken", problem=verdict.broken.sentence)
    return verdict


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
