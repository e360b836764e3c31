from __future__ import annotations

import subprocess
import sys


def test_garbage_is_collected_once_the_commands_are_loaded() -> None:
    """What is loaded is left out for good; the collector runs again."""
    code = "import gc, simsvc.flask_app; assert gc.isenabled() and gc.get_freeze_count() > 100_000"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_garbage_is_collected_in_what_the_server_forks() -> None:
    """Its master freezes what its workers share before the first of them is forked."""
    code = (
        "import gc; from types import SimpleNamespace\n"
        "from simsvc.web import gunicorn_conf as conf\n"
        "assert not gc.isenabled()\n"
        "conf.leave_address = conf.address_of = lambda *_: ''\n"
        "conf._settings = conf._settings.model_copy(update={'batch_worker': False})\n"
        "conf.when_ready(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=None)]))\n"
        "assert gc.isenabled() and gc.get_freeze_count() > 100_000"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
