"""The `flask ...` commands."""

from __future__ import annotations

from flask import Flask

from simsvc.cli.audit.evidence import evidence_command
from simsvc.cli.audit.log import audit_group
from simsvc.cli.audit.witnesses import forgive_command, resend_command, witnesses_command
from simsvc.cli.backup import backup_group
from simsvc.cli.batch import batch_group
from simsvc.cli.check import check_command, settings_command
from simsvc.cli.cluster import cluster_group
from simsvc.cli.database import database_group
from simsvc.cli.erase import erase_group
from simsvc.cli.estimate import estimate_command
from simsvc.cli.faces import face_group
from simsvc.cli.imports import import_group
from simsvc.cli.index import index_group
from simsvc.cli.notify import notify_group
from simsvc.cli.replay import model_group, replay_command, retention_group
from simsvc.cli.tokens import token_group
from simsvc.cli.users import user_group

audit_group.add_command(evidence_command)
_RECORDS = (audit_group, batch_group, erase_group, face_group, index_group, model_group, retention_group)
_FACES = (import_group,)
_ACCESS = (token_group, user_group)
_DESK = (notify_group,)
_INSTALLATION = (backup_group, check_command, cluster_group, database_group, settings_command)
COMMANDS = (
    *(*_RECORDS, *_FACES, *_DESK, *_ACCESS, *_INSTALLATION),
    *(estimate_command, replay_command),
)


for _command in (witnesses_command, forgive_command, resend_command):
    audit_group.add_command(_command)


def register(app: Flask) -> None:
    """Give the application its commands."""
    for command in COMMANDS:
        app.cli.add_command(command)
