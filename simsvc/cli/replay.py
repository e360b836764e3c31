"""`flask replay`, `flask model ...`, `flask retention ...`: replays, kept models and kept photos."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from flask.cli import AppGroup, with_appcontext

from simsvc.adapters.crypto.fernet_cipher import new_key
from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.cli.common.progress import progress
from simsvc.errors import PhotoMissing
from simsvc.flows.estimates.replay import Replay, describe_replay
from simsvc.values.events import COMMAND
from simsvc.wiring.audit.served import accept
from simsvc.wiring.erasure import retention
from simsvc.wiring.replay import replayer
from simsvc.wiring.retirement import retire_model

model_group = AppGroup("model", help="Accept models, and list and retire those kept for replays.")
retention_group = AppGroup("retention", help="Delete expired photos and manage their encryption keys.")


@click.command("replay")
@click.argument("record_id", metavar="ID")
@click.option(
    "--photo", type=click.Path(path_type=Path), help="The original photo; defaults to the kept photo."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def replay_command(record_id: str, photo: Path | None, as_json: bool) -> None:
    """Repeat estimate ID with its original model and index build; exit with status 1 if results differ."""
    with sentences():
        data = None if photo is None else _read(photo)
        replay = replayer(services()).replay(record_id, COMMAND, data)
    click.echo(json.dumps(describe_replay(replay), indent=1) if as_json else _said(replay))
    if not replay.agrees:
        sys.exit(1)


@model_group.command("list")
def model_list_command() -> None:
    """List every kept model: version and SHA-256 of its model.json."""
    for bundle in services().models.kept():
        click.echo(f"{bundle.version}  {bundle.folder.name}")


@model_group.command("accept")
def model_accept_command() -> None:
    """Log the model in SIMSVC_BUNDLE_DIR, so that it may go into service at the next start."""
    with sentences():
        desk = services()
        bundle = accept(desk.settings, desk.database)
        click.echo(f"{bundle.version} is accepted. Restart the service to use it.")


@model_group.command("retire")
@click.argument("model", metavar="VERSION|SHA256")
@click.option(
    "--force", is_flag=True, help="Even if records refer to it; they can then no longer be replayed."
)
def model_retire_command(model: str, force: bool) -> None:
    """Delete the kept copy of a model."""
    with sentences():
        click.echo(f"Model {retire_model(services(), model, COMMAND, force=force)} retired.")


@retention_group.command("run")
def retention_run_command() -> None:
    """Delete expired photos, or all photos if SIMSVC_PHOTO_DAYS is 0. Run this from cron."""
    with sentences():
        count = retention(services()).run(COMMAND)
        click.echo(f"{count} kept photos deleted, {retention(services()).count()} left.")


@retention_group.command("rotate-key")
def rotate_key_command() -> None:
    """Re-encrypt kept photos with the first key in SIMSVC_PHOTO_KEYS; remove older keys afterwards."""
    with sentences(), progress("photo") as advance:
        done, locked = retention(services()).rotate(COMMAND, advance)
    click.echo(f"{done} kept photos encrypted with the first key.")
    if locked:
        raise click.ClickException(
            f"{locked} kept photos cannot be decrypted with any key in SIMSVC_PHOTO_KEYS. "
            "Add the key they were encrypted with and run this again."
        )


@retention_group.command("new-key")
def new_key_command() -> None:
    """Print a new key for SIMSVC_PHOTO_KEYS. It is not stored: without it, kept photos are lost."""
    click.echo(new_key())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise PhotoMissing("path") from None


def _said(replay: Replay) -> str:
    if replay.agrees:
        return f"Record {replay.recorded.number} agrees: age, range and reference faces match the record."
    lines = [f"Record {replay.recorded.number} does not agree:"]
    lines += [f"{each.what}: recorded {each.recorded}, now {each.replayed}" for each in replay.differences]
    if replay.erased:
        lines.append(f"{len(replay.erased)} of its reference faces have been erased since.")
    return "\n".join(lines)
