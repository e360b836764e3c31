"""`flask audit ...`: verify the log, and prove that nothing in it was changed."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
from flask.cli import AppGroup

from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.cli.common.progress import progress
from simsvc.domain.audit.checkpoint import parse_checkpoint
from simsvc.domain.audit.report_code import parse_report_code
from simsvc.domain.audit.tree.signed_note import parse_note, parse_vkey, verify_note
from simsvc.domain.audit.tree.tlog_checkpoint import parse_head
from simsvc.domain.audit.tree.tlog_proof import proof_text
from simsvc.domain.audit.who_looked import Look, look_of
from simsvc.errors import (
    AuditError,
    CheckpointRefused,
    ReportCodeRefused,
    StoreError,
    VerificationRefused,
)
from simsvc.flows.audit.prove_log import prove_consistency, prove_inclusion
from simsvc.flows.audit.verify_log import verify, verify_new
from simsvc.flows.audit.verify_report import check_report
from simsvc.values.audit.log import KnownHead, TreeHead
from simsvc.values.events import COMMAND, Checkpoint, LogState, Verdict

RECORD_ID = re.compile(r"[0-9a-f]{32}")

audit_group = AppGroup("audit", help="Verify the audit log.")


@audit_group.command("verify")
@click.option(
    "--since-checkpoint",
    is_flag=True,
    help="Only verify what came after the last checkpoint, and that the log before it has its root hash.",
)
def verify_command(since_checkpoint: bool) -> None:
    """Verify the log and its records; if something is wrong, name all of it and exit with status 1.

    The page Audit shows the result, unless it is that of --since-checkpoint.
    """
    with sentences():
        if since_checkpoint:
            verdict, size = _walked_since()
            click.echo(_summary(_intact(verdict), size))
            return
        verdict = _walked()
        _record(verdict)
        click.echo(_summary(_intact(verdict)))


@audit_group.command("checkpoint")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write instead of printing."
)
def checkpoint_command(out: Path | None) -> None:
    """Verify the log and print a signed checkpoint of it (c2sp.org/tlog-checkpoint).

    Keep it where nobody who can write the log can write.
    """
    with sentences():
        if _intact(_walked()).last is None:
            raise AuditError("empty")
        _write(services().log_keeper.checkpoint().note, out)


@audit_group.command("prove")
@click.argument("file", type=click.Path(path_type=Path))
def prove_command(file: Path) -> None:
    """Verify the log and prove that it is unchanged up to the checkpoint in FILE.

    FILE is a signed checkpoint, or one in JSON of an earlier version or of the page Audit.
    """
    with sentences():
        written = _read(file)
        if written.lstrip().startswith("{"):
            checkpoint = parse_checkpoint(written)
            verdict = _intact(_walked(checkpoint))
            said = f"event {checkpoint.seq} of {checkpoint.at}"
        else:
            head = _signed_head(written)
            verdict = _intact(_walked(head=KnownHead(str(file), head)))
            said = f"event {head.size}"
        click.echo(f"The log contains {said} and everything before it, unchanged.")
        click.echo(_summary(verdict))


@audit_group.command("key")
def key_command() -> None:
    """Print the public key that verifies checkpoints (c2sp.org/signed-note)."""
    with sentences():
        click.echo(str(services().log_keeper.verifier_key()))


@audit_group.command("rotate-key")
@click.option("--lost", is_flag=True, help="The key is lost: the new one signs alone.")
def rotate_key_command(lost: bool) -> None:
    """Replace the key that signs the log, destroy the old one, and print the new public key.

    The next checkpoint is signed by both.
    """
    with sentences():
        keeper = services().log_keeper
        checkpoint = keeper.rotate(lost=lost)
        click.echo(str(keeper.verifier_key()))
        click.echo(f"It signs from the checkpoint of {checkpoint.size} events on.", err=True)


@audit_group.command("inclusion")
@click.argument("seq", type=click.IntRange(1))
@click.option("--size", type=click.IntRange(1), help="Size of a checkpoint instead of the newest one.")
def inclusion_command(seq: int, size: int | None) -> None:
    """Print the proof that event SEQ is in the log (c2sp.org/tlog-proof)."""
    with sentences():
        with services().log_tree.at_one_instant() as tree:
            proof = prove_inclusion(tree, seq, size)
        click.echo(proof_text(seq - 1, proof.hashes, proof.checkpoint.note), nl=False)


@audit_group.command("consistency")
@click.argument("old", type=click.IntRange(0))
@click.argument("new", type=click.IntRange(1), required=False)
def consistency_command(old: int, new: int | None) -> None:
    """Print the proof, in base64, that the tree of OLD events is the beginning of that of NEW events.

    NEW is the size of a checkpoint, the newest one if left out. The checkpoint follows after an empty line.
    """
    with sentences():
        with services().log_tree.at_one_instant() as tree:
            proof = prove_consistency(tree, old, new)
        for hashed in proof.hashes:
            click.echo(base64.b64encode(hashed).decode())
        click.echo(f"\n{proof.checkpoint.note}", nl=False)


@audit_group.command("acknowledge-restore")
@click.argument("lost")
def acknowledge_restore_command(lost: str) -> None:
    """Acknowledge that a backup was restored, so that the end of the log is gone, and sign it as it is.

    LOST says in your words what is lost. It stays on record, with the checkpoint that no longer fits.
    """
    with sentences():
        if not lost.strip():
            raise AuditError("wordless")
        checkpoint = services().acknowledge_restore(lost.strip())
        click.echo(f"The log is signed from the checkpoint of {checkpoint.size} events on.")


@audit_group.command("rebuild-tree")
def rebuild_tree_command() -> None:
    """Rebuild the table log_tiles from the events if it was damaged; the signed root hashes must fit."""
    with sentences():
        checkpoint = services().log_keeper.rebuild()
        click.echo(f"The tree of {checkpoint.size} events was rebuilt.")


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


def _walked(checkpoint: Checkpoint | None = None, head: KnownHead | None = None) -> Verdict:
    outside = services().outside()
    outside = replace(outside, heads=(*outside.heads, *([head] if head else [])))
    with services().log.snapshot() as snapshot, progress("event", "log") as advance:
        return verify(snapshot, advance, checkpoint, outside)


def _walked_since() -> tuple[Verdict, int]:
    outside = services().outside()
    with services().log.snapshot() as snapshot, progress("event", "log") as advance:
        return verify_new(snapshot, advance, outside)


def _signed_head(written: str) -> TreeHead:
    """Return what a signed checkpoint says, if a key of this log signed it."""
    note = parse_note(written)
    keys = services().log_keeper.outside().keys or services().log_tree.log_keys()
    verify_note(note, [parse_vkey(key.vkey) for key in keys])
    return parse_head(note.text)


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


def _summary(verdict: Verdict, since: int = 0) -> str:
    if since:
        count = verdict.events - since
        return (
            f"The log is intact after the checkpoint of {since} events: {count} newer events, and their "
            f"records. The events before have the root hash that was signed."
        )
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
