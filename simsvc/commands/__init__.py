"""The `flask ...` commands."""

from __future__ import annotations

from flask import Flask

from simsvc.commands.audit_command import audit_group
from simsvc.commands.backup_commands import backup_group
from simsvc.commands.batch_command import batch_group
from simsvc.commands.check_command import check_command, settings_command
from simsvc.commands.database_commands import database_group
from simsvc.commands.erase_command import erase_group
from simsvc.commands.estimate_command import estimate_command
from simsvc.commands.face_commands import face_group
from simsvc.commands.index_commands import index_group
from simsvc.commands.keep_commands import model_group, replay_command, retention_group
from simsvc.commands.token_command import token_group
from simsvc.commands.user_command import user_group

COMMANDS = (
    index_group,
    face_group,
    model_group,
    database_group,
    check_command,
    settings_command,
    backup_group,
    estimate_command,
    replay_command,
    retention_group,
    erase_group,
    user_group,
    token_group,
    batch_group,
    audit_group,
)


def register(app: Flask) -> None:
    """Give the application its commands."""
    for command in COMMANDS:
        app.cli.add_command(command)
