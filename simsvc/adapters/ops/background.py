"""Start a command of this installation as a process that outlives the request."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping

COMMAND = (sys.executable, "-m", "flask", "--app", "simsvc.flask_app")


def start_command(arguments: tuple[str, ...], environment: Mapping[str, str], lock: int) -> int:
    """Start a command with more environment variables, and return its process ID.

    It inherits the file descriptor of a lock, which is thus held until it ends. It does not end with this
    process, so that a restarted worker interrupts nothing.

    Raises OSError if no process can be started.
    """
    process = subprocess.Popen(  # noqa: S603 - our own command, with an ID that was checked
        [*COMMAND, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(lock,),
        start_new_session=True,
    )
    threading.Thread(target=process.wait, daemon=True).start()  # so that no ended process is left behind
    return process.pid
