"""`flask batch work`: the process that estimates ages in batches."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from simsvc.adapters.ops.in_use import share
from simsvc.adapters.ops.logs import configure
from simsvc.adapters.ops.work_process import end_with_parent
from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.wiring.audit.served_keeper import start_keeper
from simsvc.wiring.host_presence import HostPresence
from simsvc.wiring.notifications import notifier
from simsvc.wiring.services import in_use_lock, open_database

batch_group = AppGroup("batch", help="Process batches of photos.")


@batch_group.command("work")
@click.option("--with-parent", is_flag=True, help="Exit when the parent process exits.")
def work_command(with_parent: bool) -> None:
    """Process waiting photos one by one, until stopped.

    Any number of these processes, on any number of hosts with the same database and photos, share the work.
    Notifications are delivered, and the files in service are checked. `make run` starts this automatically.
    """
    configure(services().settings.log)
    if with_parent:
        end_with_parent()
    with sentences():
        settings = services().settings
        share(in_use_lock(settings))
        start_keeper(settings, open_database(settings))
        presence = HostPresence(settings)
        presence.begin()
        services().work_batches(notifier(services()).run)
        presence.end()
